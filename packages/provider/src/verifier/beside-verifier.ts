import { join } from 'node:path';
import type { Engine } from '@ogong/engine/open-engine';
import { type DaemonSettings, openDaemon } from '@ogong/host/lifecycle/daemon-context';
import { formatHostPort, type HostPort } from '@ogong/host/link/host-port';
import type { KnownPeer } from '@ogong/host/link/peer-values';
import type { VerifierEndpoint } from '@ogong/protocol/exchange/announcement';
import { openVerifier } from './open-verifier.ts';

/** A verifier in the process of its provider. */
export interface BesideVerifier {
  /** As the provider announces it. */
  readonly endpoint: VerifierEndpoint;
  stop(): Promise<void>;
}

/**
 * Starts a verifier with keys of its own, over the engines of a provider: one model in memory serves both roles.
 * @param reach relays by which others reach it, or the host of a public address. Default: where it listens.
 */
export async function startBesideVerifier(
  settings: DaemonSettings,
  {
    bind,
    engines,
    providerId,
    reach,
  }: {
    readonly bind: HostPort;
    readonly engines: readonly Engine[];
    readonly providerId: Uint8Array;
    readonly reach: { readonly relays: readonly KnownPeer[]; readonly publicHost?: string | undefined };
  },
): Promise<BesideVerifier> {
  const { relays, publicHost } = reach;
  const dataDir = join(settings.dataDir, 'verifier');
  const own = { ...settings, dataDir, metricsBind: undefined, certOut: undefined };
  const context = await openDaemon({ name: 'ogong-verifierd', role: 'verifier' }, own);
  const { verifier, close } = openVerifier({ dataDir, bind, relays, providers: [providerId] }, { context, engines });
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
