import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ManifestFile } from '@ogong/hub/manifest';
import { openFolderStore } from '@ogong/hub/store/folder-store';
import { pushFiles } from '@ogong/hub/transfer/push';
import { startPlaceServer } from '@ogong/testing/hub/place-server';
import { measureInTurn, median, pairedDifference, pairedRatio, type Row } from '../row.ts';
import { writeTensorsFile } from './tensors-file.ts';
import { copyWithHashes, fetchWithCurl, isCurlThere, pullInChild } from './transfer-ways.ts';

const ROUNDS = 3;
const NAME = 'tensors.safetensors';

/** Measures pull and push of one large file on this machine's disk. @param mib size of the file. */
export async function measureTransfers(mib: number): Promise<Row[]> {
  const directory = mkdtempSync(join(tmpdir(), 'ogong-bench-hub-'));
  const origin = join(directory, 'origin');
  const place = await startPlaceServer(origin);
  try {
    const small = await writeAndPush(join(directory, 'small'), { origin, blocks: 1 });
    const large = await writeAndPush(join(directory, 'large'), { origin, blocks: mib });
    return [
      ...(await measurePulls({ to: join(directory, 'pulled'), place: place.url, small, large, mib })),
      await measurePushes({ from: join(directory, 'large'), to: join(directory, 'pushed'), mib }),
    ];
  } finally {
    await place.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function writeAndPush(
  folder: string,
  { origin, blocks }: { readonly origin: string; readonly blocks: number },
): Promise<ManifestFile> {
  mkdirSync(folder);
  await writeTensorsFile(join(folder, NAME), blocks);
  return push(folder, origin);
}

async function push(folder: string, to: string): Promise<ManifestFile> {
  const files = [{ path: NAME, format: 'safetensors', isWeight: true }] as const;
  const [file] = await pushFiles({ folder, files, store: openFolderStore(to) });
  if (file === undefined) throw new Error('nothing was pushed');
  return file;
}

/** Does some work with a fresh folder, which is removed afterwards. */
async function withFolder<T>(path: string, work: () => Promise<T>): Promise<T> {
  mkdirSync(path);
  try {
    return await work();
  } finally {
    rmSync(path, { recursive: true, force: true });
  }
}

interface Pulls {
  readonly to: string;
  /** Address of the place. */
  readonly place: string;
  readonly small: ManifestFile;
  readonly large: ManifestFile;
  readonly mib: number;
}

async function measurePulls({ to, place, small, large, mib }: Pulls): Promise<Row[]> {
  const hasCurl = await isCurlThere();
  const way = { place, to };
  const samples = await measureInTurn(ROUNDS, {
    pull: () => withFolder(to, () => pullInChild(large, way)),
    small: () => withFolder(to, () => pullInChild(small, way)),
    curl: () => withFolder(to, async () => ({ ms: hasCurl ? await fetchWithCurl(large, way) : 0, peakMib: 0 })),
  });
  const [pullMs, curlMs] = [samples.pull.map(({ ms }) => ms), samples.curl.map(({ ms }) => ms)];
  const [peaks, first] = [samples.pull.map(({ peakMib }) => peakMib), samples.small.map(({ peakMib }) => peakMib)];
  const rate = (times: readonly number[]): string => ((mib * 1_000) / median(times)).toFixed(0);
  return [
    {
      ...{ id: 'hub-pull-rate', what: `pull of a file of ${mib} MiB, rate / that of curl`, unit: 'x' },
      value: hasCurl ? pairedRatio(curlMs, pullMs) : undefined,
      aim: { at: 'least', value: 0.8 },
      note: hasCurl
        ? `${rate(pullMs)} and ${rate(curlMs)} MiB/s from a server on this machine. Both files are synced, and the start of Node is left out. Median of ${ROUNDS} rounds`
        : 'this machine has no curl',
      why: 'one thread reads the bodies and hashes the blocks, and another one computes the SHA-256 of the file; the server needs a core too',
      next: 'the same with the server on another machine',
    },
    {
      ...{ id: 'hub-pull-memory', what: `peak memory of a pull of ${mib} MiB, beyond that of 1 MiB`, unit: 'MiB' },
      ...{ value: pairedDifference(peaks, first), aim: { at: 'most', value: 200 } },
      note: `resident memory of the process: ${median(peaks).toFixed(0)} and ${median(first).toFixed(0)} MiB; median of ${ROUNDS} rounds`,
      why: 'a window of 32 blocks, buffers of the connections, and a thread',
    },
  ];
}

interface Pushes {
  readonly from: string;
  readonly to: string;
  readonly mib: number;
}

async function measurePushes({ from, to, mib }: Pushes): Promise<Row> {
  const time = async (work: () => Promise<unknown>): Promise<number> => {
    const startMs = performance.now();
    await work();
    return performance.now() - startMs;
  };
  const samples = await measureInTurn(ROUNDS, {
    push: () => withFolder(to, () => time(() => push(from, to))),
    copy: () => withFolder(to, () => time(() => copyWithHashes(join(from, NAME), join(to, NAME)))),
  });
  return {
    ...{ id: 'hub-push-time', what: `push of a file of ${mib} MiB, time / hashing and writing it`, unit: 'x' },
    ...{ value: pairedRatio(samples.push, samples.copy), aim: { at: 'most', value: 1.3 } },
    note: `${median(samples.push).toFixed(0)} and ${median(samples.copy).toFixed(0)} ms; both read it once, compute the SHA-256 and the hash of each block, write it and sync; median of ${ROUNDS} rounds`,
    why: 'the push passes each block from the reader to the store, which writes it in pieces',
  };
}
