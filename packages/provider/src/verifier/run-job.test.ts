import { Code } from '@connectrpc/connect';
import { EngineError } from '@ogong/engine/interface/engine-error';
import { createJobQueue } from '@ogong/host/lifecycle/job-queue';
import { Refusal } from '@ogong/host/link/link-error';
import { ValidatorService, VerifierService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { describe, expect, it } from 'vitest';
import { countJob, runJob } from './run-job.ts';
import { mayCall } from './verifier-service.ts';
import type { VerifierState } from './verifier-state.ts';

function openState(maxJobMs = 60_000) {
  const counted: unknown[] = [];
  const counter = { inc: (what: unknown) => void counted.push(what) };
  const state = {
    queue: createJobQueue({ slots: 1, maxWaiting: 1 }),
    maxJobMs,
    metrics: { jobs: counter, tokens: counter } as unknown as VerifierState['metrics'],
    stopping: new AbortController(),
    isClosing: false,
  };
  return { state, counted };
}

const job = { outputs: 3 };
const untilAborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    const give = (): void => reject(new Error('aborted'));
    if (signal.aborted) give();
    else signal.addEventListener('abort', give, { once: true });
  });

const caller = new Uint8Array(32);

describe('a job', () => {
  it('is done in its turn, and its tokens are counted', async () => {
    const { state, counted } = openState();
    const signal = new AbortController().signal;
    expect(await runJob(state, job, { caller, timeoutMs: 1_000, signal }, async () => 'done')).toBe('done');
    expect(counted).toEqual([3]);
  });

  it('is refused where no time is left, and given up where it ends', async () => {
    const signal = new AbortController().signal;
    await expect(runJob(openState().state, job, { caller, timeoutMs: 0, signal }, untilAborted)).rejects.toThrow(
      /deadline is now/,
    );
    // The verifier's own limit, however long the caller would wait.
    const late = runJob(openState(5).state, job, { caller, timeoutMs: 600_000, signal }, untilAborted);
    await expect(late).rejects.toThrow(/by its deadline/);
  });

  it('is given up when its caller leaves, but not when the server closes its calls', async () => {
    const { state } = openState();
    const call = new AbortController();
    const left = runJob(state, job, { caller, timeoutMs: 60_000, signal: call.signal }, untilAborted);
    call.abort();
    await expect(left).rejects.toThrow('aborted');

    const closed = new AbortController();
    let finish = (): void => {};
    const finished = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const kept = runJob(state, job, { caller, timeoutMs: 60_000, signal: closed.signal }, (signal) =>
      Promise.race([untilAborted(signal), finished]),
    );
    state.isClosing = true;
    closed.abort();
    finish();
    await kept;

    const given = runJob(state, job, { caller, timeoutMs: 60_000, signal: new AbortController().signal }, untilAborted);
    state.stopping.abort();
    await expect(given).rejects.toThrow('aborted');
  });

  it.each([
    ['invalid-request', Code.InvalidArgument],
    ['unsupported-model', Code.Unimplemented],
    ['cancelled', Code.Unavailable],
  ] as const)('that the engine ends with %s is refused', async (code, refusal) => {
    const { state, counted } = openState();
    const failing = Promise.reject(new EngineError(code, 'no'));
    await expect(countJob(state, 'scored', failing)).rejects.toMatchObject({ code: refusal });
    expect(counted).toEqual([{ outcome: 'refused' }]);
  });

  it('that fails for another reason is counted as such, and its error passes', async () => {
    const { state, counted } = openState();
    const bug = new TypeError('bug');
    await expect(countJob(state, 'scored', Promise.reject(bug))).rejects.toBe(bug);
    await expect(countJob(state, 'scored', Promise.reject(new Refusal('conflict', 'no')))).rejects.toThrow('no');
    expect(counted).toEqual([{ outcome: 'failed' }, { outcome: 'refused' }]);
  });
});

it('a guest may have replies scored and opened, and a stranger reads endorsements alone', () => {
  const peer = (n: number): Uint8Array => new Uint8Array(32).fill(n);
  const validator = {
    address: peer(0),
    signingKey: peer(0),
    stake: 1n,
    certHash: peer(1),
    vrfKey: peer(0),
    endpoint: 'v:1',
  };
  const state = {
    chain: { findByCertHash: (hash: Uint8Array) => (hash[0] === 1 ? validator : undefined) },
    guests: new Set(['02'.repeat(32)]),
  };
  const allowed = (n: number): string[] =>
    Object.values(VerifierService.method)
      .filter(({ name }) => mayCall(state, peer(n), `${VerifierService.typeName}/${name}`))
      .map(({ name }) => name);
  expect(allowed(1).sort()).toEqual(['Commit', 'Endorse', 'Reveal', 'Trace']);
  expect(allowed(2).sort()).toEqual(['Commit', 'Endorse', 'Reveal']);
  expect(allowed(3)).toEqual(['Endorse']);
  expect(mayCall(state, peer(2), `${ValidatorService.typeName}/Commit`)).toBe(false);
});
