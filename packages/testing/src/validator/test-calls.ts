import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import type { Peer } from '@ogong/host/link/link-pool';
import type { VerifierCalls } from '@ogong/host/link/verifier-call';
import { createGroupCommit } from '@ogong/host/store/group-commit';
import { openStore } from '@ogong/host/store/store';
import { equalBytes, utf8Encode } from '@ogong/protocol/base/bytes';
import type { HybridSigner } from '@ogong/protocol/crypto/crypto';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { hashRequest } from '@ogong/protocol/modality/request-hash';
import type { ScoreJobMessage } from '@ogong/protocol/modality/shared/score-commitment';
import {
  computeScoreDigest,
  encodeScoreCommitment,
  encodeScoreOpening,
  hashScoreInputs,
} from '@ogong/protocol/modality/shared/score-commitment';
import { createReports, VERIFIER_SCHEMA } from '@ogong/provider/verifier/report-store';
import { createTestHybrid } from './test-keys.ts';
import { createTestReport, findServed, type TestReply } from './test-reply.ts';

/** The report and the signer of the verifier behind an endpoint. @throws if it does not answer. */
export type TestVerifiers = (peer: Peer, job: ScoreJobMessage) => Promise<{ report: Uint8Array; signer: HybridSigner }>;

export interface TestCalls extends VerifierCalls {
  /** Closes the verifiers' store and opens it again. State in memory is lost. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

/** Reports of verifiers, stored as by real ones. Several share one file, each under its endpoint. */
function openReports(path: string) {
  const store = openStore(path, { schema: VERIFIER_SCHEMA });
  const commits = createGroupCommit(store, { maxDelayMs: 0 });
  return {
    reports: createReports(store, commits),
    async close() {
      await commits.close();
      store.close();
    },
  };
}

/**
 * Verifiers that commit to their reports and open them, over the store of the real ones.
 * @param path of their file. Default: memory.
 */
export function createTestCalls(
  answer: TestVerifiers,
  { path = ':memory:' }: { readonly path?: string } = {},
): TestCalls {
  let disk: ReturnType<typeof openReports> | undefined;
  const keep = () => {
    disk ??= openReports(path);
    return disk.reports;
  };
  const signers = new Map<string, HybridSigner>();
  const nameOf = (peer: Peer): Uint8Array => utf8Encode(String(peer.endpoint));
  const close = async (): Promise<void> => {
    await disk?.close();
    disk = undefined;
  };
  return {
    close,
    restart: close,
    async commit(peer, job) {
      const { jobId } = job;
      const key = { validator: nameOf(peer), jobId };
      const { report, signer } = await answer(peer, job);
      signers.set(String(peer.endpoint), signer);
      const keyHash = hashHybridKey(crypto, signer.publicKey);
      const requestHash = hashRequest(crypto, job.endpoint, job.request);
      const inputsHash = hashScoreInputs(crypto, { ...job, requestHash });
      const salt = crypto.sha256(jobId, signer.publicKey);
      const digest = computeScoreDigest(crypto, {
        jobId,
        keyHash,
        inputsHash,
        salt,
        reportHash: crypto.sha256(report),
      });
      const signature = signer.sign(encodeScoreCommitment({ jobId, digest }));
      const made = { jobHash: inputsHash, report, salt, digest, signature };
      const kept = await keep().put(key, made, { nowMs: 0, forgetBeforeMs: 0 });
      return { digest: kept.digest, verifierKey: signer.publicKey, signature: kept.signature };
    },
    async reveal(peer, { jobId, round }) {
      const key = { validator: nameOf(peer), jobId };
      const kept = keep()
        .list(key)
        .find(({ digest }) => round.some((one) => equalBytes(one, digest)));
      const signer = signers.get(String(peer.endpoint));
      if (kept === undefined || signer === undefined) throw new Error('nothing was committed to');
      const { salt, report, jobHash } = kept;
      if (!(await keep().bindRound(key, jobHash, { round, word: new Uint8Array(0) }))) {
        throw new Error('opened over another round already');
      }
      const signature = signer.sign(encodeScoreOpening({ jobId, salt, reportHash: crypto.sha256(report), round }));
      return { salt, report, signature };
    },
  };
}

/** An honest verifier: it looks the reply up and reports the true values. */
export function answerHonestly(
  served: Map<string, TestReply>,
  bend: Parameters<typeof createTestReport>[2] = {},
): TestVerifiers {
  return async (peer, job) => {
    const found = findServed(served.values(), job) as TestReply;
    const name = String(peer.endpoint).replace(/:1$/, '');
    return { report: createTestReport(found, job, bend), signer: createTestHybrid(name) };
  };
}
