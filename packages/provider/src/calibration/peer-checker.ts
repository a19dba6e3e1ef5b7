import { setTimeout as delay } from 'node:timers/promises';
import { formatHostPort } from '@ogong/host/link/host-port';
import { LinkError } from '@ogong/host/link/link-error';
import type { LinkIdentity } from '@ogong/host/link/link-identity';
import { createLinkPool, type LinkPoolOptions } from '@ogong/host/link/link-pool';
import type { KnownPeer } from '@ogong/host/link/peer-values';
import { askToCommit, askToReveal } from '@ogong/host/link/verifier-call';
import { toHex } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { JobRound } from '@ogong/protocol/exchange/round-signature';
import { VerifierService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { hashRequest } from '@ogong/protocol/modality/request-hash';
import { readScoreReport } from '@ogong/protocol/modality/text/read-report';
import { hashScored, toScored } from '@ogong/protocol/modality/text/scored-reply';
import { MAX_REPORT_BYTES } from '@ogong/protocol/modality/text/stage2/score-report';
import type { Checker } from './checkers.ts';
import { createSampleJob, replaySample, type ServedSample } from './sample.ts';

const JOB_TIMEOUT_MS = 300_000;
const MAX_TRIES = 20;
const RETRY_MS = 500;
const MIB = 2 ** 20;
/** Equals no record's bytes. */
const NO_JOB = new Uint8Array(0);

/**
 * A verifier on another machine. It is asked over the link as a validator asks it, and trusted no more than a validator trusts
 * it. It has to be started with `--calibrate-with` and this side's certificate.
 */
export function createPeerChecker(
  peer: KnownPeer,
  { identity, crypto }: { readonly identity: LinkIdentity; readonly crypto: Crypto },
): Checker {
  const reach: LinkPoolOptions = { identity, dialPolicy: 'public', own: [peer] };
  return {
    name: `peer-${toHex(peer.certHash.subarray(0, 8))}`,
    async reach(signal) {
      const links = createLinkPool(reach);
      try {
        await links
          .to(VerifierService, peer)
          .reveal({ jobId: crypto.sha256(NO_JOB).slice(0, 16), round: [] }, { signal });
      } catch (error) {
        // Only a verifier answers that it does not know the job, and only to peers that it serves.
        if (!(error instanceof LinkError) || error.refusal !== 'not-found') throw explainRefusal(error, peer);
      } finally {
        links.close();
      }
    },
    async open() {
      const links = createLinkPool({ ...reach, limits: { maxMessageBytes: MAX_REPORT_BYTES + MIB } });
      const service = links.to(VerifierService, peer);
      const calls = {
        commit: (_: unknown, job: Parameters<typeof service.commit>[0], call: object) => service.commit(job, call),
        reveal: (_: unknown, { jobId, round }: JobRound, call: object) =>
          service.reveal({ jobId, round: [...round] }, call),
      };
      return {
        score: (sample, signal) => scoreByPeer(sample, { peer, calls, crypto, signal }),
        close: () => Promise.resolve(links.close()),
      };
    },
  };
}

function explainRefusal(error: unknown, { endpoint }: KnownPeer): unknown {
  if (!(error instanceof LinkError) || error.code !== 'remote') return error;
  const where = formatHostPort(endpoint);
  const text = `${where} does not answer as a verifier does (${error.message}): name the address of an ogong-verifierd`;
  return new LinkError('remote', text, { cause: error });
}

async function scoreByPeer(
  sample: ServedSample,
  given: {
    readonly peer: KnownPeer;
    readonly calls: Parameters<typeof askToCommit>[1];
    readonly crypto: Crypto;
    readonly signal: AbortSignal | undefined;
  },
): Promise<Uint8Array | undefined> {
  const { peer, calls, crypto, signal = new AbortController().signal } = given;
  const replayed = replaySample(crypto, sample);
  const header = replayed?.replay.header;
  if (replayed === undefined || header === undefined || replayed.replay.rows.length === 0) return undefined;
  const { modelRoot } = replayed.record;
  const { replay } = replayed;
  const { blind } = replayed.opening;
  // Derived from the record, so that it is the same job after either side was restarted.
  const jobId = crypto.sha256(sample.record).slice(0, 16);
  const timeoutMs = JOB_TIMEOUT_MS;
  const job = createSampleJob(sample, { jobId, modelRoot, blind, header, replay, timeoutMs });
  const call = { timeoutMs, signal };
  const asked = { peer, keyHash: undefined };
  const pause = (): Promise<void> => delay(RETRY_MS, undefined, { signal });
  let answer = await askToCommit(crypto, calls, asked, job, call);
  for (let tries = 1; answer.outcome !== 'answered' && tries < MAX_TRIES; tries++) {
    signal.throwIfAborted();
    if (!(answer.error instanceof LinkError && answer.error.retryable)) throw answer.error;
    await pause();
    answer = await askToCommit(crypto, calls, asked, job, call);
  }
  signal.throwIfAborted();
  if (answer.outcome !== 'answered') throw answer.error;
  const committed = answer.value;
  const scored = toScored({ endpoint: sample.endpoint, modelRoot, blind }, header, replay);
  const inputsHash = hashScored(crypto, hashRequest(crypto, sample.endpoint, sample.request), scored);
  const read = (bytes: Uint8Array, { jobId }: { jobId: Uint8Array }) =>
    readScoreReport(bytes, { jobId, modelRoot, header, replay, contextSize: 0xffffffff });
  const subject = { inputsHash, read };
  const round = [committed.digest];
  const isOver = (): boolean => true;
  const opened = await askToReveal(crypto, calls, { peer }, { jobId, committed, round, subject, pause, isOver }, call);
  signal.throwIfAborted();
  if (opened.outcome !== 'answered') throw opened.error;
  return opened.value.report;
}
