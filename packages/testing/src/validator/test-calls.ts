import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import type { Peer } from '@ogong/host/link/link-pool';
import type { VerifierCalls } from '@ogong/node/validator/audit/verifier-call';
import { toHex } from '@ogong/protocol/base/bytes';
import type { HybridSigner } from '@ogong/protocol/crypto/crypto';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { hashRequest } from '@ogong/protocol/modality/request-hash';
import type { ScoreJobMessage } from '@ogong/protocol/modality/text/stage2/score-commitment';
import {
  computeScoreDigest,
  encodeScoreCommitment,
  encodeScoreOpening,
  hashScoreInputs,
} from '@ogong/protocol/modality/text/stage2/score-commitment';
import { createTestHybrid } from './test-keys.ts';
import { createTestReport, findServed, type TestReply } from './test-reply.ts';

/** The report and the signer of the verifier behind an endpoint. @throws if it does not answer. */
export type TestVerifiers = (peer: Peer, job: ScoreJobMessage) => Promise<{ report: Uint8Array; signer: HybridSigner }>;

/** Verifiers that commit to their reports and open them. What they keep in between survives a crash. */
export function createTestCalls(answer: TestVerifiers): VerifierCalls {
  const kept = new Map<string, { salt: Uint8Array; report: Uint8Array; signer: HybridSigner; jobId: Uint8Array }>();
  return {
    async commit(peer, job) {
      const { jobId } = job;
      const { report, signer } = await answer(peer, job);
      const salt = crypto.sha256(jobId, signer.publicKey);
      kept.set(`${toHex(jobId)} ${String(peer.endpoint)}`, { salt, report, signer, jobId });
      const keyHash = hashHybridKey(crypto, signer.publicKey);
      const inputsHash = hashScoreInputs(crypto, {
        ...job,
        requestHash: hashRequest(crypto, job.endpoint, job.request),
      });
      const reportHash = crypto.sha256(report);
      const digest = computeScoreDigest(crypto, { jobId, keyHash, inputsHash, salt, reportHash });
      const signature = signer.sign(encodeScoreCommitment({ jobId, digest }));
      return { digest, verifierKey: signer.publicKey, signature };
    },
    async reveal(peer, { jobId, round }) {
      const found = kept.get(`${toHex(jobId)} ${String(peer.endpoint)}`);
      if (found === undefined) throw new Error('nothing was committed to');
      const { salt, report, signer } = found;
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
