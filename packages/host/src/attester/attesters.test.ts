import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeEvidence, parseEvidence } from '@ogong/attestation/evidence-file';
import { computeGpuNonce } from '@ogong/attestation/evidence-statement';
import { checkMachineReport } from '@ogong/attestation/machine-check';
import { parsePolicy } from '@ogong/attestation/policy-file';
import { toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createConfigfsAttester, type ReportFiles } from './configfs-attester.ts';
import { createDstackAttester } from './dstack-attester.ts';
import { createSoftwareGpu } from './gpu-attester.ts';
import { createSoftwareAttester } from './software-attester.ts';
import { openAttester } from './tee-config.ts';

const DATA = new Uint8Array(64).fill(9);
const COLLATERAL = { tcb_info: '{}' };

describe("a guest agent at dstack's socket", () => {
  let directory: string;
  let server: Server;
  let asked: { readonly path: string | undefined; readonly body: unknown }[];
  let status: number;
  let answer: unknown;

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'ogong-dstack-'));
    asked = [];
    status = 200;
    answer = { quote: 'aabb', event_log: '[]', report_data: toHex(DATA), vm_config: '{}' };
    server = createServer((request, response) => {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('end', () => {
        asked.push({ path: request.url, body: JSON.parse(Buffer.concat(parts).toString('utf8')) });
        response.writeHead(status, { 'content-type': 'application/json' });
        response.end(typeof answer === 'string' ? answer : JSON.stringify(answer));
      });
    });
    await new Promise<void>((resolve) => server.listen(join(directory, 'agent.sock'), resolve));
  });
  afterEach(async () => {
    await new Promise((resolve) => server.close(resolve));
    rmSync(directory, { recursive: true, force: true });
  });

  const attest = () =>
    createDstackAttester({ socket: join(directory, 'agent.sock'), collateral: () => COLLATERAL }).attest(DATA);

  it('is asked with the data in hex, and answers with quote and log', async () => {
    expect(await attest()).toEqual({
      cpu: { kind: 'intel', quote: new Uint8Array([0xaa, 0xbb]), collateral: COLLATERAL },
      eventLog: '[]',
    });
    expect(asked).toEqual([{ path: '/GetQuote', body: { report_data: toHex(DATA) } }]);
  });

  it('is refused if it gives another answer', async () => {
    status = 500;
    await expect(attest()).rejects.toMatchObject({ code: 'unreachable' });
    status = 200;
    answer = 'no json';
    await expect(attest()).rejects.toMatchObject({ code: 'malformed' });
    answer = { quote: 'xyz', event_log: '[]' };
    await expect(attest()).rejects.toMatchObject({ code: 'malformed' });
    answer = { quote: 'aabb' };
    await expect(attest()).rejects.toMatchObject({ code: 'malformed' });
    answer = { quote: 'a'.repeat(2 ** 20), event_log: '[]' };
    await expect(attest()).rejects.toMatchObject({ code: 'unreachable' });
  });

  it('is refused if nobody listens', async () => {
    const attester = createDstackAttester({ socket: join(directory, 'nobody'), collateral: () => COLLATERAL });
    await expect(attester.attest(DATA)).rejects.toMatchObject({ code: 'unreachable' });
  });
});

describe('reports of Linux', () => {
  /** Behaves as the kernel does with an entry. */
  function createKernel({ provider = 'tdx_guest', disturbed = 0 } = {}) {
    const entries = new Map<string, { generation: number; data: Uint8Array }>();
    let left = disturbed;
    const entryOf = (path: string) => entries.get(path.slice(0, path.lastIndexOf('/')));
    const files: ReportFiles = {
      async mkdir(path) {
        entries.set(path, { generation: 0, data: new Uint8Array() });
      },
      async read(path) {
        const entry = entryOf(path);
        if (entry === undefined) throw new Error('no such entry');
        if (path.endsWith('generation')) return new TextEncoder().encode(`${entry.generation}\n`);
        if (path.endsWith('provider')) return new TextEncoder().encode(`${provider}\n`);
        return new Uint8Array([1, ...entry.data]);
      },
      async write(path, bytes) {
        const entry = entryOf(path);
        if (entry === undefined) throw new Error('no such entry');
        entry.data = bytes;
        entry.generation += left-- > 0 ? 2 : 1;
      },
      async rmdir(path) {
        entries.delete(path);
      },
    };
    return { files, entries };
  }
  const attest = (files: ReportFiles, given: unknown = COLLATERAL) =>
    createConfigfsAttester({ folder: '/report', endorsements: () => given, files }).attest(DATA);

  it('are read from an entry that is taken away again', async () => {
    const { files, entries } = createKernel();
    expect(await attest(files)).toEqual({
      cpu: { kind: 'intel', quote: new Uint8Array([1, ...DATA]), collateral: COLLATERAL },
    });
    expect(entries.size).toBe(0);
    const amd = createKernel({ provider: 'sev_guest' });
    expect(await attest(amd.files, { chain: ['a', 'b', 'c'] })).toMatchObject({
      cpu: { kind: 'amd-snp', chain: ['a', 'b', 'c'] },
    });
    await expect(attest(amd.files)).rejects.toMatchObject({ code: 'malformed' });
  });

  it('are requested again if another program wrote in between, and then given up', async () => {
    expect(await attest(createKernel({ disturbed: 2 }).files)).toBeDefined();
    const { files, entries } = createKernel({ disturbed: 9 });
    await expect(attest(files)).rejects.toMatchObject({ code: 'disturbed' });
    expect(entries.size).toBe(0);
  });

  it('of another kind, or of no kernel, are refused', async () => {
    await expect(attest(createKernel({ provider: 'other' }).files)).rejects.toMatchObject({ code: 'malformed' });
    const attester = createConfigfsAttester({ folder: '/nowhere/ogong', endorsements: () => COLLATERAL });
    await expect(attester.attest(DATA)).rejects.toMatchObject({ code: 'unreachable' });
  });
});

describe('a GPU beside the CPU', () => {
  const seed = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
  const own = createSoftwareGpu(seed(2));
  const machine = createSoftwareAttester(seed(1), 'a program', own);
  const policy = parsePolicy(
    utf8Encode(
      JSON.stringify({
        images: [toHex(machine.image)],
        softwareKeys: [toHex(machine.publicKey), toHex(own.publicKey)],
        gpu: true,
      }),
    ),
  );
  const failed = async (evidence: Awaited<ReturnType<typeof machine.attest>>, by = policy): Promise<string[]> =>
    (await checkMachineReport(encodeEvidence(evidence), DATA, { policy: by, nowMs: Date.now() }))
      .filter(({ status }) => status !== 'pass')
      .map(({ id }) => id);

  it('answers a nonce that follows from the CPU, which names it', async () => {
    const shown = await machine.attest(DATA);
    expect(parseEvidence(encodeEvidence(shown))).toEqual(shown);
    expect(await failed(shown)).toEqual([]);
  });

  it('is refused if it is of another machine, has answered another nonce, or is not named', async () => {
    const shown = await machine.attest(DATA);
    const other = createSoftwareGpu(seed(3));
    const named = { ...policy, softwareKeys: [...policy.softwareKeys, toHex(other.publicKey)] };
    const nonce = await computeGpuNonce(DATA);
    // The other one is good, and answers the right question.
    expect(await failed({ ...shown, gpu: await other.attest(nonce) }, named)).toEqual(['machine', 'gpu-machine']);
    expect(await failed({ ...shown, gpu: await own.attest(seed(9)) })).toEqual(['machine', 'gpu-nonce']);
    expect(
      await failed({ ...shown, gpu: { ...(await own.attest(nonce)), signature: new Uint8Array(64) } } as typeof shown),
    ).toEqual(['machine', 'gpu-signature']);
    const [cpuKey = ''] = policy.softwareKeys;
    expect(await failed(shown, { ...policy, softwareKeys: [cpuKey] })).toEqual(['machine', 'gpu-chain']);
    const { gpu: _, ...without } = shown;
    expect(await failed(without)).toEqual(['machine', 'gpu-signature']);
    // A CPU that names no GPU, beside a good one; and one that names another than it measured.
    const bare = createSoftwareAttester(seed(1), 'a program');
    expect(await failed({ ...(await bare.attest(DATA)), gpu: await own.attest(nonce) })).toEqual([
      'machine',
      'gpu-machine',
    ]);
    const { cpu } = shown;
    if (cpu.kind !== 'software') throw new TypeError('no software');
    expect(await failed({ ...shown, cpu: { ...cpu, gpu: seed(7) } })).toEqual([
      'machine',
      'cpu-signature',
      'gpu-machine',
    ]);
    // A production policy takes neither.
    const strict = { ...policy, softwareKeys: [] };
    expect(await failed(shown, strict)).toEqual(['machine', 'cpu-vendor', 'gpu-chain']);
  });

  it('is opened by --tee-gpu: software beside software, a program beside hardware', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'ogong-gpu-'));
    const settings = { teeSocket: '', teeFolder: '', teeEndorsements: undefined, dataDir } as const;
    try {
      const opened = openAttester('test', { ...settings, tee: 'software', teeGpu: 'software' });
      const shown = await opened?.attest(DATA);
      const again = await openAttester('test', { ...settings, tee: 'software', teeGpu: 'software' })?.attest(DATA);
      expect(shown?.gpu?.kind).toBe('software');
      expect(again?.gpu).toEqual(shown?.gpu);
      for (const [tee, teeGpu] of [
        ['software', '/a/program'],
        ['dstack', 'software'],
        [undefined, 'software'],
      ] as const)
        expect(() => openAttester('test', { ...settings, tee, teeGpu })).toThrow('--tee-gpu');
    } finally {
      rmSync(dataDir, { recursive: true, force: true });
    }
  });
});
