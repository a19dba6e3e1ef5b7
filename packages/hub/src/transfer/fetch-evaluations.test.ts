import { readFileSync } from 'node:fs';
import { fromHex, utf8Encode } from '@ogong/protocol/base/bytes';
import { stallAfter } from '@ogong/testing/hub/blob-bytes';
import { createTestDirectory, type TestDirectory } from '@ogong/testing/store/test-directory';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeSha256 } from '../sha256.ts';
import { evaluationPath } from '../store/evaluation-folder.ts';
import { type FolderStore, openFolderStore } from '../store/folder-store.ts';
import { type EvaluationSource, fetchEvaluations } from './fetch-evaluations.ts';

const ROWS = utf8Encode('one\ntwo\n');
const HASH = Buffer.from(nodeSha256.sha256(ROWS)).toString('hex');

let directory: TestDirectory;
let store: FolderStore;
beforeEach(() => {
  directory = createTestDirectory('hub-evaluations');
  store = openFolderStore(directory.path);
});
afterEach(() => directory.remove());

async function* send(rows: Uint8Array): AsyncGenerator<Uint8Array> {
  yield rows;
}
const createSource = (name: string, read: () => AsyncIterable<Uint8Array>): EvaluationSource => ({
  name,
  readEvaluation: read,
});
const honest = createSource('honest', () => send(ROWS));
const forger = createSource('forger', () => send(ROWS.with(0, 7)));
const silent = createSource('silent', () => stallAfter(send(ROWS), 3));
const fetch = (sources: readonly EvaluationSource[], more: { graceMs?: number; signal?: AbortSignal } = {}) =>
  fetchEvaluations({ evaluations: [fromHex(HASH)] }, { sources, store, ...more });

describe('evaluations of a manifest', () => {
  it('come from the first place that has the right one, once', async () => {
    expect(await fetch([forger, honest])).toEqual([]);
    expect([...readFileSync(evaluationPath(directory.path, HASH))]).toEqual([...ROWS]);
    expect(await fetch([])).toEqual([]);
  });

  it('are named with a reason if no place has them, and nothing is kept of a wrong one', async () => {
    const [missing] = await fetch([forger]);
    expect(missing).toEqual({ hash: HASH, reason: expect.stringMatching(/^forger: the evaluation has the hash/) });
    expect(await fetch([])).toEqual([{ hash: HASH, reason: 'no place was given' }]);
    await expect(store.readEvaluation(HASH)[Symbol.asyncIterator]().next()).rejects.toMatchObject({
      code: 'not-found',
    });
  });

  it('come from the next place if one falls silent', async () => {
    expect(await fetch([silent, honest], { graceMs: 20 })).toEqual([]);
  });

  it('are left when the caller ends the call', async () => {
    await expect(fetch([honest], { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'cancelled' });
  });
});
