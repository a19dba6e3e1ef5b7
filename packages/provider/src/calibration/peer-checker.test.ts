import { randomBytes } from 'node:crypto';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNodeHybridSigner } from '@ogong/host/crypto/signers';
import { createLinkServer } from '@ogong/host/link/link-server';
import { createLogger } from '@ogong/host/log/logger';
import { createMetrics } from '@ogong/host/metrics/metrics';
import { createGroupCommit } from '@ogong/host/store/group-commit';
import { openStore } from '@ogong/host/store/store';
import { systemClock } from '@ogong/host/time/clock';
import { parseScoreReport } from '@ogong/protocol/modality/text/stage2/score-report';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import { makeIdentity } from '@ogong/testing/link/link-fixture';
import { createTestListing } from '@ogong/testing/verifier/test-listing';
import { afterEach, describe, expect, it } from 'vitest';
import { createReports, VERIFIER_SCHEMA } from '../verifier/report-store.ts';
import { createVerifier } from '../verifier/verifier.ts';
import { collectReports } from './collect.ts';
import { createPeerChecker } from './peer-checker.ts';
import { planRequest } from './request-plan.ts';
import { scoreSample, serveSample } from './sample.ts';
import { openSampleStore } from './sample-store.ts';

const signer = createNodeHybridSigner(new Uint8Array(64).fill(3));
const closing: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** A verifier that nobody but the given peers may ask, behind its real link. */
async function startVerifier(calibrateWith: readonly Uint8Array[]) {
  const engine = createFakeEngine({ contextSize: 512 });
  const identity = await makeIdentity(41);
  const store = openStore(':memory:', { schema: VERIFIER_SCHEMA });
  const commits = createGroupCommit(store);
  const verifier = createVerifier(
    { bind: { host: '127.0.0.1', port: 0 }, calibrateWith },
    {
      ...{ engines: [engine], crypto, clock: systemClock, randomBytes, identity },
      signer: createNodeHybridSigner(new Uint8Array(64).fill(31)),
      reports: createReports(store, commits),
      chain: createTestListing([]),
      log: createLogger({ name: 'test', level: 'silent' }),
      metrics: createMetrics('verifier'),
    },
  );
  await verifier.start();
  closing.push(async () => {
    await verifier.stop(0);
    await commits.close();
    store.close();
    await engine.close();
  });
  return { endpoint: verifier.address(), certHash: identity.id };
}

async function serve(seed: number) {
  const engine = createFakeEngine({ contextSize: 512 });
  const body = planRequest({ maxTokens: 10, kinds: ['story'] }, seed);
  const sample = await serveSample({ seed, body }, { engine, crypto, signer });
  await engine.close();
  if (sample === undefined) throw new Error(`seed ${seed} serves nothing`);
  return sample;
}

describe('a peer that checks', () => {
  it('gets the same result as an engine on this machine, and the same when it asks again', async () => {
    const identity = await makeIdentity(42);
    const checker = createPeerChecker(await startVerifier([identity.id]), { identity, crypto });
    const opened = await checker.open();
    closing.push(() => opened.close());
    const sample = await serve(1);
    const report = (await opened.score(sample, undefined)) as Uint8Array;
    expect(await opened.score(sample, undefined)).toEqual(report);
    const engine = createFakeEngine({ contextSize: 512 });
    closing.push(() => engine.close());
    const local = (await scoreSample(sample, { engine, crypto })) as Uint8Array;
    expect(parseScoreReport(report).windows).toEqual(parseScoreReport(local).windows);
  });

  it('handles more replies than it takes at a time, and keeps finished ones', async () => {
    const identity = await makeIdentity(42);
    const checker = createPeerChecker(await startVerifier([identity.id]), { identity, crypto });
    const opened = await checker.open();
    closing.push(() => opened.close());
    const store = openSampleStore(':memory:');
    const seeds = [1, 2, 3, 4, 5, 6];
    for (const seed of seeds) store.writeServed('m/honest/a/10', await serve(seed));
    // A stored sample stays: another run may have scored it.
    const kept = store.readServed('m/honest/a/10', seeds[0] as number);
    store.writeServed('m/honest/a/10', { ...(await serve(99)), seed: seeds[0] as number });
    expect(store.readServed('m/honest/a/10', seeds[0] as number)).toEqual(kept);
    let asked = 0;
    const score: typeof opened.score = (sample, signal) => {
      asked++;
      return opened.score(sample, signal);
    };
    const collect = () => collectReports({ store, source: 'm/honest/a/10', verifier: 'm/peer', seeds, score });
    await collect();
    await collect();
    expect(asked).toBe(6);
    expect(store.listPairs()).toEqual([{ source: 'm/honest/a/10', verifier: 'm/peer', count: 6 }]);
    store.close();
  });

  it('refuses a caller that is not on its list, and is not believed under another certificate', async () => {
    const [listed, identity] = [await makeIdentity(42), await makeIdentity(43)];
    const peer = await startVerifier([listed.id]);
    const stranger = await createPeerChecker(peer, { identity, crypto }).open();
    closing.push(() => stranger.close());
    const sample = await serve(1);
    await expect(stranger.score(sample, undefined)).rejects.toMatchObject({ code: 'unauthorized' });
    const pinned = { ...peer, certHash: new Uint8Array(32).fill(9) };
    const fooled = await createPeerChecker(pinned, { identity: listed, crypto }).open();
    closing.push(() => fooled.close());
    await expect(fooled.score(sample, undefined)).rejects.toMatchObject({ code: 'wrong-certificate' });
  });

  it('is reached, or not, before anything is served', async () => {
    const [listed, stranger] = [await makeIdentity(42), await makeIdentity(43)];
    const peer = await startVerifier([listed.id]);
    const { signal } = new AbortController();
    const reach = (to: typeof peer, identity: typeof listed) =>
      createPeerChecker(to, { identity, crypto }).reach?.(signal);
    await expect(reach(peer, listed)).resolves.toBeUndefined();
    await expect(reach(peer, stranger)).rejects.toMatchObject({ code: 'unauthorized' });
    const pinned = { ...peer, certHash: new Uint8Array(32).fill(9) };
    await expect(reach(pinned, listed)).rejects.toMatchObject({ code: 'wrong-certificate' });
    await closing.pop()?.();
    await expect(reach(peer, listed)).rejects.toMatchObject({ code: 'unreachable' });
  });

  it('is not reached where it is no verifier', async () => {
    const [server, identity] = [await makeIdentity(44), await makeIdentity(42)];
    const bind = { host: '127.0.0.1', port: 0 };
    const link = createLinkServer({ bind, identity: server, authorize: () => true, routes: () => undefined });
    await link.start();
    closing.push(() => link.stop(0));
    const peer = { endpoint: link.address(), certHash: server.id };
    const { signal } = new AbortController();
    await expect(createPeerChecker(peer, { identity, crypto }).reach?.(signal)).rejects.toThrow(
      /127\.0\.0\.1:\d+ does not answer as a verifier does \(HTTP 404\)/,
    );
  });

  it('stops when it is told to', async () => {
    const identity = await makeIdentity(42);
    const checker = createPeerChecker(await startVerifier([identity.id]), { identity, crypto });
    const opened = await checker.open();
    closing.push(() => opened.close());
    const stop = AbortSignal.abort(new Error('enough'));
    await expect(opened.score(await serve(1), stop)).rejects.toThrow('enough');
  });
});
