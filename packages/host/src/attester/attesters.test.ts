import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toHex } from '@ogong/protocol/base/bytes';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createConfigfsAttester, type ReportFiles } from './configfs-attester.ts';
import { createDstackAttester } from './dstack-attester.ts';

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

  it('is refused where it says anything else', async () => {
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

  it('is refused where nobody listens', async () => {
    const attester = createDstackAttester({ socket: join(directory, 'nobody'), collateral: () => COLLATERAL });
    await expect(attester.attest(DATA)).rejects.toMatchObject({ code: 'unreachable' });
  });
});

describe('reports of Linux', () => {
  /** What the kernel does with an entry. */
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

  it('are asked for again where somebody else wrote in between, and then given up', async () => {
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
