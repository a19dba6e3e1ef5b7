import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { LinkError } from '@ogong/host/link/link-error';
import type { VerifierCalls } from '@ogong/host/link/verifier-call';
import { toHex } from '@ogong/protocol/base/bytes';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { NO_DRAW } from '@ogong/protocol/modality/modality';
import { hashRequest } from '@ogong/protocol/modality/request-hash';
import { hashScoreInputs } from '@ogong/protocol/modality/shared/score-commitment';
import { listDigests } from '@ogong/protocol/verdict/attempt-review';
import type { AuditContext } from '@ogong/protocol/verdict/judgement';
import { type OpenedReply, openReply } from '@ogong/protocol/verdict/opened-reply';
import { createTestValidator, provider } from '@ogong/testing/validator/test-bench';
import { answerHonestly, createTestCalls } from '@ogong/testing/validator/test-calls';
import { createTestHybrid, createTestPayee } from '@ogong/testing/validator/test-keys';
import { MODEL_ROOT } from '@ogong/testing/validator/test-reply';
import { afterEach, describe, expect, it } from 'vitest';
import { findCredential } from '../store/announcement-store.ts';
import { type AttemptOutcome, type AttemptRow, keepAttempt, listAttempts } from '../store/replies/attempt-store.ts';
import { commitRound, finishRound, type RoundJob, revealRound } from './finish-round.ts';
import { createHeldBlobs } from './replay-blobs.ts';
import type { RoundState } from './round-state.ts';

const CALL_MS = 1_000;
const LONG_MS = 60_000;
const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

const nameOf = ({ endpoint }: { endpoint: unknown }): string => String(endpoint).replace(/:1$/, '');
const keyHashOf = (name: string): Uint8Array => hashHybridKey(crypto, createTestHybrid(name).publicKey);

/** A reply under audit, whose first round asked `names`. @param wrap changes the calls to verifiers. */
async function openRound(
  names: readonly string[],
  wrap: (calls: VerifierCalls) => Partial<VerifierCalls> = () => ({}),
) {
  const validator = createTestValidator();
  closing.push(() => validator.close());
  const { store, group, clock, served } = validator;
  await validator.announce(provider);
  for (const name of names) await validator.announceVerifier(name);
  const { reply } = await validator.deliver(1);
  const { replyId } = reply.record;
  store.database.exec("UPDATE replies SET state = 'auditing'");
  const log: string[] = [];
  const honest = createTestCalls(answerHonestly(served));
  const wrapped = { ...honest, ...wrap(honest) };
  const calls: VerifierCalls = {
    commit(peer, job, call) {
      log.push(`commit ${nameOf(peer)}`);
      return wrapped.commit(peer, job, call);
    },
    reveal(peer, job, call) {
      log.push(`reveal ${nameOf(peer)}`);
      return wrapped.reveal(peer, job, call);
    },
  };
  const stopping = new AbortController();
  const errors: unknown[] = [];
  const state = {
    ...{ crypto, clock, awake: clock, store, group, calls, signal: stopping.signal, fixedVerifier: undefined },
    ...{ validator: validator.signer.address, callTimeoutMs: CALL_MS, windowMs: LONG_MS },
    pause: async () => clock.advance(CALL_MS),
    contest: { ask: async () => ({ kind: 'silent', isTimely: true, statements: [] }) },
    jobBlobs: createHeldBlobs(0),
    jobMedia: createHeldBlobs(0),
    onError: (error: unknown) => errors.push(error),
  } as unknown as RoundState;
  const opened = openReply(crypto, reply.record, reply.openingBytes) as OpenedReply;
  const row = validator.find(replyId);
  const { request, endpoint } = row.submission!;
  const inputs = opened.reply.describeJob(endpoint, NO_DRAW);
  const inputsHash = hashScoreInputs(crypto, { requestHash: hashRequest(crypto, endpoint, request), ...inputs });
  const job: RoundJob = {
    ...{ replyId, opened, draw: NO_DRAW, request, inputs, inputsHash, blobs: [], media: [] },
    ...{ timeoutMs: CALL_MS, leftMs: LONG_MS },
  };
  const asked = names.map((name, attempt): AttemptRow => {
    const keyHash = keyHashOf(name);
    const nonce = crypto.sha256(keyHash).slice(0, 16);
    return {
      attempt,
      sitting: 0,
      round: 0,
      verifierId: keyHash,
      keyHash,
      credential: store.read(() =>
        findCredential(
          store,
          { providerId: keyHash, payee: createTestPayee(name).address, keyHash, numericClass: 'x', contextSize: 4096 },
          MODEL_ROOT,
        ),
      ),
      nonce,
      outcome: 'asked',
      committed: undefined,
      opened: undefined,
    };
  });
  await group.write((db) => {
    for (const one of asked) keepAttempt(db, replyId, one);
  });
  const list = () => store.read(() => listAttempts(store, replyId));
  return {
    ...{ state, job, row, asked, list, log, errors, stopping, opened },
    outcomes: (): AttemptOutcome[] => list().map(({ outcome }) => outcome),
    /** Names of the verifiers with a mark or a deferral against them. */
    blamed: () => {
      const rows = store.prepare('SELECT verifier_id FROM verifiers').all();
      const ids = new Set(rows.map(({ verifier_id: id }) => toHex(id as Uint8Array)));
      return names.filter((name) => ids.has(toHex(keyHashOf(name))));
    },
    claim: { claim: { order: { requestHash: hashRequest(crypto, endpoint, request) } } } as unknown as AuditContext,
  };
}

describe('the commitments of a round', () => {
  it('are asked of all verifiers, and stored', async () => {
    const { state, job, asked, list, log, outcomes, blamed } = await openRound(['v1', 'v2']);
    await commitRound(state, job, asked);
    expect(log).toEqual(['commit v1', 'commit v2']);
    expect(outcomes()).toEqual(['committed', 'committed']);
    expect(list().map(({ committed }) => committed?.verifierKey)).toEqual(
      ['v1', 'v2'].map((name) => createTestHybrid(name).publicKey),
    );
    expect(blamed()).toEqual([]);
  });

  it('are not asked again of a verifier that has committed', async () => {
    const { state, job, asked, list, log } = await openRound(['v1', 'v2']);
    await commitRound(state, job, asked.slice(0, 1));
    const before = list()[0];
    await commitRound(state, job, list());
    expect(log).toEqual(['commit v1', 'commit v2']);
    expect(list()[0]).toEqual(before);
  });

  it('that another key signed, or that are no digest, are garbage, and the verifier is marked', async () => {
    const { state, job, asked, outcomes, blamed, errors } = await openRound(['v1', 'v2', 'v3'], ({ commit }) => ({
      async commit(peer, message, call) {
        const answer = await commit(nameOf(peer) === 'v1' ? { ...peer, endpoint: 'other:1' } : peer, message, call);
        return nameOf(peer) === 'v2' ? { ...answer, digest: answer.digest.slice(1) } : answer;
      },
    }));
    await commitRound(state, job, asked);
    expect(outcomes()).toEqual(['garbage', 'garbage', 'committed']);
    expect(blamed()).toEqual(['v1', 'v2']);
    expect(errors.map((error) => (error as Error).message)).toEqual([
      'signed by another key than the verifier announced',
      'a digest of 31 bytes',
    ]);
  });

  it('that do not come are silence, which defers the verifier if it had its whole time', async () => {
    const silent = (): VerifierCalls['commit'] => async () => {
      throw new LinkError('unreachable', 'no answer');
    };
    const whole = await openRound(['v1'], () => ({ commit: silent() }));
    await commitRound(whole.state, whole.job, whole.asked);
    expect([whole.outcomes(), whole.blamed()]).toEqual([['silent'], ['v1']]);
    const short = await openRound(['v1'], () => ({ commit: silent() }));
    await commitRound(short.state, { ...short.job, leftMs: CALL_MS - 1 }, short.asked);
    expect([short.outcomes(), short.blamed()]).toEqual([['silent'], []]);
  });

  it.each([
    ['remote', 'invalid'],
    ['remote', 'unsupported'],
    ['remote', 'unavailable'],
    ['remote', undefined],
    ['rate-limited', undefined],
    ['unauthorized', undefined],
  ] as const)('that are refusals (%s, %s) defer nobody: others choose the jobs', async (code, refusal) => {
    const refuse = async () => Promise.reject(new LinkError(code, 'not this job', refusal && { refusal }));
    const { state, job, asked, outcomes, blamed } = await openRound(['v1'], () => ({ commit: refuse }));
    await commitRound(state, job, asked);
    expect([outcomes(), blamed()]).toEqual([['silent'], []]);
  });

  it('are not stored once the validator stops', async () => {
    const { state, job, asked, outcomes, stopping, errors } = await openRound(['v1'], () => ({
      commit: async () => {
        stopping.abort();
        throw new Error('cut short');
      },
    }));
    await commitRound(state, job, asked);
    expect([outcomes(), errors]).toEqual([['asked'], []]);
  });
});

describe('the reports of a round', () => {
  it('are opened over the digests of all who committed, and stored', async () => {
    const rounds: (readonly Uint8Array[])[] = [];
    const { state, job, asked, list, outcomes } = await openRound(['v1', 'v2'], ({ reveal }) => ({
      reveal: (peer, message, call) => {
        rounds.push(message.round);
        return reveal(peer, message, call);
      },
    }));
    await commitRound(state, job, asked);
    await revealRound(state, job, list());
    const digests = listDigests(crypto, list(), 0);
    expect(rounds).toEqual([digests, digests]);
    expect(outcomes()).toEqual(['report', 'report']);
    for (const { opened } of list()) expect(opened?.report.length).toBeGreaterThan(0);
  });

  it('are asked only of verifiers that committed', async () => {
    const { state, job, asked, list, log, outcomes } = await openRound(['v1', 'v2']);
    await commitRound(state, job, asked.slice(1));
    await revealRound(state, job, list());
    expect(log).toEqual(['commit v2', 'reveal v2']);
    expect(outcomes()).toEqual(['asked', 'report']);
  });

  it('that do not open the commitment are garbage', async () => {
    const { state, job, asked, list, outcomes, blamed } = await openRound(['v1', 'v2'], ({ reveal }) => ({
      async reveal(peer, message, call) {
        const answer = await reveal(peer, message, call);
        return nameOf(peer) === 'v1' ? { ...answer, salt: crypto.sha256(answer.salt) } : answer;
      },
    }));
    await commitRound(state, job, asked);
    await revealRound(state, job, list());
    expect([outcomes(), blamed()]).toEqual([['garbage', 'report'], ['v1']]);
  });

  it('that are refused three times are garbage', async () => {
    const { state, job, asked, list, log, outcomes, blamed } = await openRound(['v1'], () => ({
      reveal: () => Promise.reject(new LinkError('remote', 'no', { refusal: 'not-found' })),
    }));
    await commitRound(state, job, asked);
    await revealRound(state, job, list());
    expect(log.filter((line) => line === 'reveal v1')).toHaveLength(3);
    expect([outcomes(), blamed()]).toEqual([['garbage'], ['v1']]);
  });

  it('that do not come are asked for until the time is over, and are silence then', async () => {
    const { state, job, asked, list, log, outcomes } = await openRound(['v1'], () => ({
      reveal: () => Promise.reject(new LinkError('unreachable', 'no answer')),
    }));
    await commitRound(state, job, asked);
    await revealRound(state, { ...job, timeoutMs: 5 * CALL_MS }, list());
    expect(log.filter((line) => line === 'reveal v1')).toHaveLength(6);
    expect(outcomes()).toEqual(['silent']);
  });
});

describe('a round that is left unfinished', () => {
  it('continues where it stopped, with every commitment before the first report', async () => {
    const { state, job, row, asked, list, log, outcomes, claim, opened } = await openRound(['v1', 'v2']);
    await commitRound(state, job, asked.slice(0, 1));
    await finishRound(state, row, claim, opened, { attempts: list(), leftMs: LONG_MS });
    expect(log).toEqual(['commit v1', 'commit v2', 'reveal v1', 'reveal v2']);
    expect(outcomes()).toEqual(['report', 'report']);
  });

  it('ends in silence after its deadline, which is nobody’s fault', async () => {
    const { state, job, row, asked, list, log, outcomes, blamed, claim, opened } = await openRound(['v1', 'v2']);
    await commitRound(state, job, asked.slice(0, 1));
    await finishRound(state, row, claim, opened, { attempts: list(), leftMs: 0 });
    expect(log).toEqual(['commit v1']);
    expect([outcomes(), blamed()]).toEqual([['silent', 'silent'], []]);
  });
});
