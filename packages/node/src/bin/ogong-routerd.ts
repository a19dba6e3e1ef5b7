#!/usr/bin/env -S node --disable-warning=ExperimentalWarning --max-semi-space-size=16
import { join } from 'node:path';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { openDaemon } from '@ogong/host/lifecycle/daemon-context';
import { type Daemon, runDaemon } from '@ogong/host/lifecycle/run-daemon';
import { openStore } from '@ogong/host/store/store';
import { systemClock } from '@ogong/host/time/clock';
import { openModelRoots } from '@ogong/host/views/model-roots';
import { toHex } from '@ogong/protocol/base/bytes';
import { createRouter } from '../router/router.ts';
import { routerConfig } from '../router/router-config.ts';
import { ROUTER_SCHEMA } from '../router/router-store.ts';

const NAME = 'ogong-routerd';

async function start(): Promise<Daemon> {
  const parsed = routerConfig.parse(process.argv.slice(2), process.env);
  if (parsed.kind === 'print') {
    process.stdout.write(parsed.text);
    process.exit(0);
  }
  const { values } = parsed;
  const context = await openDaemon({ name: NAME, role: 'router' }, values);
  const { signer, ledger, identity, chain, log, metrics } = context;
  const modelRoots = openModelRoots(NAME, values, {
    client: chain.client,
    onError: (err) => log.warn({ err }, 'the model registry cannot be read'),
  });
  const store = openStore(join(values.dataDir, 'router.db'), { schema: ROUTER_SCHEMA });
  const router = createRouter(
    {
      bind: values.bind,
      address: ledger.address,
      ticketTtlMs: values.ticketTtl,
      refreshMs: values.refreshInterval,
      maxProviders: values.maxProviders,
      ...(modelRoots && { modelRoots }),
    },
    { crypto: nodeCrypto, clock: systemClock, signer, identity, chain, store, log, metrics },
  );
  await context.start();
  await router.start();
  return {
    ready: {
      address: router.address(),
      router: `0x${toHex(ledger.address)}`,
      certHash: toHex(identity.id),
      keyHash: toHex(router.id),
    },
    async stop() {
      await router.stop();
      await context.stop();
      store.close();
    },
  };
}

await runDaemon(start, { name: NAME });
