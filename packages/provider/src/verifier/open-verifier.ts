import { join } from 'node:path';
import type { Engine } from '@ogong/engine/open-engine';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import type { DaemonContext } from '@ogong/host/lifecycle/daemon-context';
import { createGroupCommit } from '@ogong/host/store/group-commit';
import { RELEASED } from '@ogong/host/store/releases';
import { openStore } from '@ogong/host/store/store';
import { systemClock } from '@ogong/host/time/clock';
import { findModality } from '../modality/registry.ts';
import type { HeldSegment } from '../modality/text/segment-job.ts';
import { createReports, VERIFIER_SCHEMA } from './report-store.ts';
import { createVerifier, type Verifier, type VerifierOptions } from './verifier.ts';

/** A verifier with its store. Closing ends neither its engines nor its context. */
export interface OpenedVerifier {
  readonly verifier: Verifier;
  close(): Promise<void>;
}

/** Opens a verifier over engines that its caller keeps. */
export function openVerifier(
  { dataDir, ...options }: Omit<VerifierOptions, 'slots'> & { readonly dataDir: string },
  {
    context: { signer, identity, chain, log, metrics },
    engines,
    segments = [],
    randomBytes,
  }: {
    readonly context: Pick<DaemonContext, 'signer' | 'identity' | 'chain' | 'log' | 'metrics'>;
    readonly engines: readonly Engine[];
    readonly segments?: readonly HeldSegment[];
    readonly randomBytes: (length: number) => Uint8Array;
  },
): OpenedVerifier {
  const store = openStore(join(dataDir, 'verifier.db'), { schema: VERIFIER_SCHEMA, upgrades: RELEASED.verifier });
  const commits = createGroupCommit(store);
  const verifier = createVerifier(
    { ...options, slots: Math.max(1, ...engines.map((engine) => findModality(engine).countSequences(engine))) },
    {
      ...{ engines, segments, crypto: nodeCrypto, clock: systemClock, signer },
      reports: createReports(store, commits),
      ...{ randomBytes, identity, chain, log, metrics },
    },
  );
  return {
    verifier,
    async close() {
      await commits.close();
      store.close();
    },
  };
}
