#!/usr/bin/env -S node --disable-warning=ExperimentalWarning --max-semi-space-size=16
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { createChainClient } from '@ogong/chain/client';
import { describeAttester, openAttester } from '@ogong/host/attester/tee-config';
import { readDeployment } from '@ogong/host/config/read-deployment';
import { createOrLoadKeys } from '@ogong/host/crypto/key-files';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { createNodeHybridSigner } from '@ogong/host/crypto/signers';
import { openDaemon } from '@ogong/host/lifecycle/daemon-context';
import { type Daemon, runDaemon } from '@ogong/host/lifecycle/run-daemon';
import { RELEASED } from '@ogong/host/store/releases';
import { openStore } from '@ogong/host/store/store';
import { systemClock } from '@ogong/host/time/clock';
import { openModelRoots } from '@ogong/host/views/open-model-roots';
import { toHex } from '@ogong/protocol/base/bytes';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { listRelays } from '../listed-relays.ts';
import { findRegistrationProblem, registerRouter } from '../register.ts';
import { createRelay } from '../relay/relay.ts';
import { createRouter } from '../router.ts';
import { registerConfig, retireConfig, routerConfig } from '../router-config.ts';
import { ROUTER_SCHEMA } from '../router-store.ts';

const NAME = 'ogong-routerd';

async function start(): Promise<Daemon> {
  const parsed = routerConfig.parse(process.argv.slice(2), process.env);
  if (parsed.kind === 'print') return print(parsed.text);
  const { values } = parsed;
  const context = await openDaemon({ name: NAME, role: 'router' }, values);
  const { signer, ledger, identity, chain, log, metrics } = context;
  const modelRoots = openModelRoots(NAME, values, {
    client: chain.client,
    onError: (err) => log.warn({ err }, 'the model registry cannot be read'),
  });
  const attester = openAttester(NAME, values);
  const { relays, warning } = listRelays(values, { name: NAME, certHash: identity.id });
  const store = openStore(join(values.dataDir, 'router.db'), { schema: ROUTER_SCHEMA, upgrades: RELEASED.router });
  const router = createRouter(
    {
      bind: values.bind,
      address: ledger.address,
      ticketTtlMs: values.ticketTtl,
      refreshMs: values.refreshInterval,
      maxProviders: values.maxProviders,
      relays,
      peers: values.peerRouter,
      ...(modelRoots && { modelRoots }),
    },
    { crypto: nodeCrypto, clock: systemClock, signer, identity, chain, store, log, metrics, attester },
  );
  await context.start();
  const named = { router: ledger.address, ticketKey: router.id };
  const problem = await findRegistrationProblem(chain, named, systemClock.nowMs()).catch((err: unknown) => {
    log.warn({ err }, 'the chain cannot be asked yet whether this router is registered');
  });
  if (problem !== undefined) log.warn(problem);
  if (warning !== undefined) log.warn(warning);
  const relay =
    values.relay &&
    createRelay(
      { bind: values.relay },
      {
        ...{ crypto: nodeCrypto, clock: systemClock, identity, signer, log, metrics },
        randomBytes: () => new Uint8Array(randomBytes(32)),
      },
    );
  await router.start();
  await relay?.start();
  return {
    ready: {
      ...context.ready,
      address: router.address(),
      ...(relay && { relay: relay.address() }),
      router: `0x${toHex(ledger.address)}`,
      certHash: toHex(identity.id),
      keyHash: toHex(router.id),
      ...(attester && describeAttester(attester)),
    },
    async stop() {
      await relay?.stop();
      await router.stop();
      await context.stop();
      store.close();
    },
  };
}

async function register(argv: readonly string[]): Promise<Daemon> {
  const parsed = registerConfig.parse(argv, process.env);
  if (parsed.kind === 'print') return print(parsed.text);
  const { dataDir, ...where } = parsed.values;
  const { hybridSeed, ledgerKey } = createOrLoadKeys(dataDir);
  const ticketKey = hashHybridKey(nodeCrypto, createNodeHybridSigner(hybridSeed.reveal()).publicKey);
  const privateKey = `0x${toHex(ledgerKey.reveal())}` as const;
  const client = await createChainClient({ ...readDeployment(NAME, where), privateKey });
  const outcome = await registerRouter(client, ticketKey);
  return print(`${JSON.stringify({ outcome, router: client.address, keyHash: toHex(ticketKey) })}\n`);
}

async function retire(argv: readonly string[]): Promise<Daemon> {
  const parsed = retireConfig.parse(argv, process.env);
  if (parsed.kind === 'print') return print(parsed.text);
  const { dataDir, ...where } = parsed.values;
  const privateKey = `0x${toHex(createOrLoadKeys(dataDir).ledgerKey.reveal())}` as const;
  const client = await createChainClient({ ...readDeployment(NAME, where), privateKey });
  const router = client.address as NonNullable<typeof client.address>;
  await client.retireRouter(router);
  const { until } = (await client.routerOf(router)) as NonNullable<Awaited<ReturnType<typeof client.routerOf>>>;
  return print(`${JSON.stringify({ outcome: 'leaves', router, until: Number(until) })}\n`);
}

function print(text: string): never {
  process.stdout.write(text);
  process.exit(0);
}

const [first, ...rest] = process.argv.slice(2);
const command = new Map(Object.entries({ register, retire })).get(first ?? '');
await runDaemon(() => (command ? command(rest) : start()), { name: NAME });
