import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { SegmentEngine, SegmentPass } from '@ogong/engine/interface/segment';
import { segmentOptionsOf } from '@ogong/engine/llama-cpp/segment/chained-engine';
import { openSegmentModel } from '@ogong/engine/llama-cpp/segment/segment-model';
import type { HostPort } from '@ogong/host/config/values';
import { createOrLoadMachinesSeed } from '@ogong/host/crypto/key-files';
import { createLinkClient } from '@ogong/host/link/link-client';
import { createLinkIdentity, type LinkIdentity } from '@ogong/host/link/link-identity';
import { SegmentService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { makeIdentity } from '@ogong/testing/link/link-fixture';
import { writeSlabs } from '@ogong/testing/models/cut-model';
import { findProgram } from '@ogong/testing/processes/find-program';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { openRemoteSegment, type RemoteSegment, type RemoteSegmentOptions } from './remote-segment.ts';

const PROGRAM = findProgram(new URL('../bin/ogong-provider.ts', import.meta.url));
const TINY = fileURLToPath(new URL('../../../models/models/stories260K.gguf', import.meta.url));

let folder: string;
let slabs: readonly string[];
let identity: LinkIdentity;
const closing: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ogong-own-machines-'));
  const model = join(folder, 'model.gguf');
  copyFileSync(TINY, model);
  slabs = writeSlabs(model, [2, 4]);
  identity = createLinkIdentity(createOrLoadMachinesSeed(join(folder, 'keys', 'machines.key')));
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Machine {
  readonly child: ChildProcess;
  readonly endpoint: HostPort;
}

/** Starts the program as the owner would. */
async function startMachine(argv: readonly string[], port = 0): Promise<Machine> {
  const child = spawn(
    process.execPath,
    [
      ...['--disable-warning=ExperimentalWarning', PROGRAM, 'segment', '--listen', `127.0.0.1:${port}`],
      ...['--data-dir', join(folder, 'keys'), '--models-dir', join(folder, 'store'), '--n-ctx', '64', ...argv],
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  closing.push(() => kill(child));
  for await (const line of createInterface(child.stdout)) {
    const { event, address } = JSON.parse(line) as { event: string; address: HostPort };
    if (event === 'ready') return { child, endpoint: address };
  }
  throw new Error('the segment did not start');
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

async function open(endpoint: HostPort, options: Partial<RemoteSegmentOptions> = {}): Promise<RemoteSegment> {
  const segment = await openRemoteSegment({ endpoint, identity, ...options });
  closing.push(() => segment.close());
  return segment;
}

function openHere(slab: number): SegmentEngine {
  const segment = openSegmentModel(slabs[slab] as string, segmentOptionsOf({ contextSize: 64, sequences: 2 }));
  closing.push(() => segment.close());
  return segment;
}

const prompt = (position: number, input: SegmentPass['input'], rows: number): SegmentPass => ({
  kind: 'prompt',
  groups: [{ sequence: 0, position, rows }],
  input,
});

async function runRows(segment: SegmentEngine, pass: SegmentPass): Promise<Float32Array> {
  const output = await segment.run(pass);
  if (output.kind !== 'rows') throw new Error('the segment returned no rows');
  return output.rows;
}

it('two segments in processes of their own return the rows of those in this process, bit for bit', async () => {
  const [first, second] = await Promise.all([
    startMachine(['--slab', slabs[0] as string]),
    startMachine(['--model', join(folder, 'model.gguf'), '--layers', '2-3']),
  ]);
  const remote = [await open(first.endpoint), await open(second.endpoint)] as const;
  const here = [openHere(0), openHere(1)] as const;
  expect(remote.map((segment) => segment.info())).toEqual(here.map((segment) => segment.info()));
  expect(remote.map(({ range: { from, to, layers } }) => [from, to, layers])).toEqual([
    [0, 2, 5],
    [2, 4, 5],
  ]);
  const passes: readonly (Omit<SegmentPass, 'input'> & { readonly tokens: readonly number[] })[] = [
    { kind: 'prompt', groups: [{ sequence: 0, position: 0, rows: 5 }], tokens: [1, 300, 301, 302, 303] },
    { kind: 'prompt', groups: [{ sequence: 1, position: 0, rows: 3 }], tokens: [1, 40, 41] },
    {
      kind: 'step',
      groups: [
        { sequence: 0, position: 5, rows: 2 },
        { sequence: 1, position: 3, rows: 2 },
      ],
      tokens: [7, 8, 9, 10],
    },
  ];
  for (const { tokens, ...pass } of passes) {
    let input: [SegmentPass['input'], SegmentPass['input']] = [Uint32Array.from(tokens), Uint32Array.from(tokens)];
    for (const i of [0, 1] as const) {
      const rows = [
        await runRows(remote[i], { ...pass, input: input[0] }),
        await runRows(here[i], { ...pass, input: input[1] }),
      ] as const;
      expect(Buffer.from(rows[0].buffer).equals(Buffer.from(rows[1].buffer))).toBe(true);
      input = [rows[0], rows[1]];
    }
  }
  // A rejected guess is dropped on both sides, and the sequence goes on behind it.
  for (const segment of [...remote, ...here]) await segment.drop(0, 6);
  const step: SegmentPass = {
    kind: 'step',
    groups: [{ sequence: 0, position: 6, rows: 1 }],
    input: Uint32Array.of(11),
  };
  expect(await runRows(remote[0], step)).toEqual(await runRows(here[0], step));
  await expect(remote[0].run({ ...step, groups: [{ sequence: 0, position: 9, rows: 1 }] })).rejects.toMatchObject({
    code: 'invalid-request',
    message: expect.stringContaining('sequence 0 goes on at 7, not 9'),
  });
  await expect(remote[1].run(prompt(0, new Float32Array(64 * 3), 2))).rejects.toMatchObject({
    code: 'invalid-request',
  });
  // The refused passes changed nothing.
  const next: SegmentPass = {
    kind: 'step',
    groups: [{ sequence: 0, position: 7, rows: 1 }],
    input: Uint32Array.of(12),
  };
  expect(await runRows(remote[0], next)).toEqual(await runRows(here[0], next));
});

it('a machine that restarts loses its rows, says so, and goes on once the sequence is dropped', async () => {
  const machine = await startMachine(['--slab', slabs[0] as string]);
  const segment = await open(machine.endpoint);
  const pass = prompt(0, Uint32Array.of(1, 2, 3), 3);
  const rows = await runRows(segment, pass);
  await kill(machine.child);
  await expect(segment.run(prompt(3, Uint32Array.of(4), 1))).rejects.toMatchObject({
    code: 'engine-crashed',
    retryable: true,
  });
  await startMachine(['--slab', slabs[0] as string], machine.endpoint.port);
  await expect(segment.run(prompt(3, Uint32Array.of(4), 1))).rejects.toThrow('the rows of this reply with it');
  await segment.drop(0, 0);
  expect(await runRows(segment, pass)).toEqual(rows);
});

it('one leader at a time; the next one finds no rows of the one before', async () => {
  const { endpoint } = await startMachine(['--slab', slabs[0] as string]);
  const leader = await open(endpoint);
  const pass = prompt(0, Uint32Array.of(1, 2, 3), 3);
  await leader.run(pass);
  const reasons: (string | undefined)[] = [];
  await expect(
    open(endpoint, { openTimeoutMs: 500, onProgress: ({ reason }) => reasons.push(reason) }),
  ).rejects.toThrow('another process leads this segment');
  expect(reasons).toContain('another process leads this segment; stop it, or wait until its link has ended');
  await leader.close();
  const next = await open(endpoint);
  await expect(next.run(prompt(3, Uint32Array.of(4), 1))).rejects.toThrow('sequence 0 goes on at 0, not 3');
  expect(await runRows(next, pass)).toHaveLength(3 * next.info().embeddingSize);
});

it('a peer without the machines key is refused before it learns anything', async () => {
  const { endpoint } = await startMachine(['--slab', slabs[0] as string]);
  const stranger = await makeIdentity(9);
  await expect(openRemoteSegment({ endpoint, identity: stranger })).rejects.toMatchObject({
    code: 'unsupported-model',
    message: expect.stringContaining('has another machines key; copy the file machines.key'),
  });
  // It knows the machine's certificate, and has no key for it.
  const client = createLinkClient({ endpoint, identity: stranger, certHash: identity.id });
  closing.push(async () => client.close());
  const service = client.service(SegmentService);
  const unauthorized = { code: 'unauthorized' };
  await expect(service.run({ input: new Uint8Array(8) })).rejects.toMatchObject(unauthorized);
  await expect(service.drop({})).rejects.toMatchObject(unauthorized);
  await expect(
    service
      .lead({ leader: new Uint8Array(16) })
      [Symbol.asyncIterator]()
      .next(),
  ).rejects.toMatchObject(unauthorized);
  // The owner's key without a lead runs nothing either.
  const owner = createLinkClient({ endpoint, identity, certHash: identity.id });
  closing.push(async () => owner.close());
  await expect(owner.service(SegmentService).run({ lead: new Uint8Array(16) })).rejects.toMatchObject({
    code: 'remote',
    refusal: 'precondition',
  });
  await expect(
    owner
      .service(SegmentService)
      .lead({ leader: new Uint8Array(3) })
      [Symbol.asyncIterator]()
      .next(),
  ).rejects.toMatchObject({ refusal: 'invalid' });
  // Bytes that are no TLS end the connection.
  const socket = connect(endpoint);
  socket.on('error', () => {});
  socket.write('GET / HTTP/1.1\r\n\r\n');
  const received: Buffer[] = [];
  socket.on('data', (chunk) => received.push(chunk));
  await once(socket, 'close');
  expect(Buffer.concat(received).toString('latin1')).not.toContain('HTTP');
});
