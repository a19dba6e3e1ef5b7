import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { openDaemon } from '@ogong/host/lifecycle/daemon-context';
import { formatHostPort, type HostPort } from '@ogong/host/link/host-port';
import type { StartedVerifier, VerifierPlace } from '../provider/serve-daemon.ts';
import { openVerifier } from '../verifier/open-verifier.ts';

/** Starts a verifier with keys of its own, over the engines of a provider: one model in memory serves both roles. */
export async function startBesideVerifier(
  bind: HostPort,
  { settings, engines, providerId, reach }: VerifierPlace,
): Promise<StartedVerifier> {
  const { relays, publicHost } = reach;
  const dataDir = join(settings.dataDir, 'verifier');
  const own = { ...settings, dataDir, metricsBind: undefined, certOut: undefined };
  const context = await openDaemon({ name: 'ogong-verifierd', role: 'verifier' }, own);
  const { verifier, close } = openVerifier(
    { dataDir, bind, relays, providers: [providerId] },
    { context, engines, randomBytes },
  );
  await context.start();
  await verifier.start();
  const [relay] = relays;
  const { host, port } = verifier.address();
  return {
    endpoint: {
      endpoint: relay ? `relay/${formatHostPort(relay.endpoint)}` : formatHostPort({ host: publicHost ?? host, port }),
      certHash: context.identity.id,
      keyHash: verifier.keyHash,
    },
    async stop() {
      await verifier.stop();
      await context.stop();
      await close();
    },
  };
}
