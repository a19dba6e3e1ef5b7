import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Mesh, MeshMember } from '@ogong/devnet/mesh/mesh';
import type { MeshRole } from '@ogong/devnet/mesh/mesh-plan';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { Secret } from '@ogong/host/crypto/secret';
import { createNodeLedgerSigner } from '@ogong/host/crypto/signers';
import { createLinkIdentity } from '@ogong/host/link/link-identity';
import { createLinkPool } from '@ogong/host/link/link-pool';
import { createGroupCommit } from '@ogong/host/store/group-commit';
import { openStore } from '@ogong/host/store/store';
import { RouterService, ValidatorService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { measureInTurn, median, type Row } from '../row.ts';

/** Only a few, because an unused ticket holds a slot of its provider until it expires. */
const ROUNDS = 10;

/** Steps between a request and its first token, without reading the request and its prompt. */
const STEPS = {
  route: 'a ticket from the router, with its draw, its signature and the link, where none was kept',
  sign: "the order's signature",
  verify: "the check of the order's signature, by the provider and again by the validator",
  commit: 'a durable commit, of the gateway and of the validator',
  roundTrip: 'a call on a link and back, to the provider and to the validator',
  rested: 'the same call after 100 ms without one',
  cold: "the same call at once, but after other data has filled the processor's caches",
} as const;
type Step = keyof typeof STEPS;

/** Steps in sequence with a kept ticket, and how often each one occurs. */
const SEQUENCE: readonly (readonly [step: Step, times: number])[] = [
  ['sign', 1],
  ['commit', 2],
  ['roundTrip', 2],
  ['verify', 2],
];

const REST_MS = 100;
/** More than the caches of a core hold. */
const OTHER_DATA_BYTES = 32 * 1024 * 1024;
const CACHE_LINE_BYTES = 64;

interface StepTime {
  readonly tookMs: number;
  /** Processor time of this process. The rest of the step waits for another process, for a disk or for a free core. */
  readonly workMs: number;
}

/** Times each step by itself on a running mesh, to show where added time comes from. */
export async function measurePath(mesh: Mesh, model: string): Promise<Row[]> {
  const directory = mkdtempSync(join(tmpdir(), 'ogong-bench-path-'));
  const links = createLinkPool({
    identity: createLinkIdentity(new Secret(crypto.sha256(new Uint8Array(1)))),
    dialPolicy: 'any',
  });
  const store = openStore(join(directory, 'commits.sqlite'), { schema: 'CREATE TABLE writes (number INTEGER)' });
  const group = createGroupCommit(store);
  const signer = createNodeLedgerSigner(crypto.sha256(new Uint8Array(2)));
  const digest = (round: number): Uint8Array => crypto.sha256(Uint8Array.of(round));
  const signatures = Array.from({ length: ROUNDS }, (_, round) => signer.signDigest(digest(round)));
  const verify = (round: number): boolean =>
    crypto.verifyAddress(digest(round), signatures[round] as Uint8Array, signer.address);
  const peer = (role: MeshRole) => {
    const { name, identity } = mesh.members.find((member) => member.role === role) as MeshMember;
    const { port } = mesh.plan.processes.find((process) => process.name === name) as { port: number };
    return { endpoint: `127.0.0.1:${port}`, certHash: identity.certHash };
  };
  const [router, validator] = [peer('router'), peer('validator')];
  const call = () => links.to(ValidatorService, validator).getBeacon({ epoch: 0n });
  const otherData = new Uint8Array(OTHER_DATA_BYTES);
  const fillCaches = (): void => {
    for (let at = 0; at < OTHER_DATA_BYTES; at += CACHE_LINE_BYTES) otherData[at] = 1 + (otherData[at] ?? 0);
  };
  const measures = {
    route: (round: number) => {
      const replyId = digest(round + 100).slice(0, 16);
      const query = { model, maxPricePer1k: 2n ** 64n - 1n, exclude: [], replyId };
      return timed(() => links.to(RouterService, router).route(query));
    },
    roundTrip: async () => {
      await call();
      return timed(call);
    },
    rested: async () => {
      await delay(REST_MS);
      return timed(call);
    },
    cold: async () => {
      await call();
      fillCaches();
      return timed(call);
    },
    sign: (round: number) => timed(() => signer.signDigest(digest(round))),
    verify: (round: number) => timed(() => verify(round)),
    commit: (round: number) => timed(() => group.write((db) => db.prepare('INSERT INTO writes VALUES (?)').run(round))),
  };
  try {
    // Repeated, as for a provider that has served this payer before.
    for (let round = 0; round < ROUNDS; round++) verify(round);
    await measureInTurn(2, measures);
    const samples = await measureInTurn(ROUNDS, measures);
    return describeSteps(samples);
  } finally {
    await group.close();
    store.close();
    links.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function timed(work: () => unknown): Promise<StepTime> {
  const before = process.cpuUsage();
  const startMs = performance.now();
  await work();
  const tookMs = performance.now() - startMs;
  const { user, system } = process.cpuUsage(before);
  return { tookMs, workMs: (user + system) / 1e3 };
}

/** Makes a row for each step, and one for their sequence, which names the part that computes. */
function describeSteps(samples: Readonly<Record<Step, readonly StepTime[]>>): Row[] {
  const took = (step: Step): number => median(samples[step].map(({ tookMs }) => tookMs));
  const work = (step: Step): number => median(samples[step].map(({ workMs }) => workMs));
  const steps = (Object.keys(STEPS) as Step[]).map((step): Row => {
    const slowest = Math.max(...samples[step].map(({ tookMs }) => tookMs));
    return {
      id: `path-${step}`,
      what: `on the way to the first token: ${STEPS[step]}`,
      value: took(step),
      unit: 'ms',
      note: `median of ${ROUNDS}, the slowest ${slowest.toFixed(1)} ms; the caller computes for ${work(step).toFixed(2)} ms`,
    };
  });
  const parts = SEQUENCE.map(
    ([step, times]) =>
      `${times} x ${step} ${took(step).toFixed(2)} ms, the caller computes for ${work(step).toFixed(2)} ms`,
  );
  const sequence: Row = {
    id: 'path-sequence',
    what: 'on the way to the first token: the steps in sequence with a kept ticket, each by itself',
    value: SEQUENCE.reduce((sum, [step, times]) => sum + times * took(step), 0),
    unit: 'ms',
    note: `${parts.join('; ')}. The rest of a call is computed by the other process`,
  };
  return [...steps, sequence];
}
