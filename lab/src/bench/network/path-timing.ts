import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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

/** Steps in sequence between a request and its first token, without reading the request and its prompt. */
const STEPS = {
  route: 'a ticket from the router, with its draw, its signature and the link, where none was kept',
  sign: "the order's signature",
  verify: "the check of the order's signature, by the provider and again by the validator",
  commit: 'a durable commit, of the gateway and of the validator',
  roundTrip: 'a call on a link and back, to the provider and to the validator',
} as const;

/** Times each step by itself on a running mesh, to show where added time comes from. */
export async function measurePath(mesh: Mesh, model: string): Promise<Row[]> {
  const directory = mkdtempSync(join(tmpdir(), 'ogong-bench-path-'));
  const links = createLinkPool({
    identity: await createLinkIdentity(new Secret(crypto.sha256(new Uint8Array(1)))),
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
  const timed = async (work: () => unknown): Promise<number> => {
    const startMs = performance.now();
    await work();
    return performance.now() - startMs;
  };
  const measures = {
    route: (round: number) => {
      const replyId = digest(round + 100).slice(0, 16);
      const query = { model, maxPricePer1k: 2n ** 64n - 1n, exclude: [], replyId };
      return timed(() => links.to(RouterService, router).route(query));
    },
    roundTrip: () => timed(() => links.to(ValidatorService, validator).getBeacon({ epoch: 0n })),
    sign: (round: number) => timed(() => signer.signDigest(digest(round))),
    verify: (round: number) => timed(() => verify(round)),
    commit: (round: number) => timed(() => group.write((db) => db.prepare('INSERT INTO writes VALUES (?)').run(round))),
  };
  try {
    // Repeated, as for a provider that has served this payer before.
    for (let round = 0; round < ROUNDS; round++) verify(round);
    await measureInTurn(2, measures);
    const samples = await measureInTurn(ROUNDS, measures);
    return (Object.keys(STEPS) as (keyof typeof STEPS)[]).map((name): Row => {
      const sorted = [...samples[name]].sort((x, y) => x - y);
      return {
        id: `path-${name}`,
        what: `on the way to the first token: ${STEPS[name]}`,
        value: median(sorted),
        unit: 'ms',
        note: `median of ${ROUNDS}, the slowest ${(sorted.at(-1) ?? Number.NaN).toFixed(1)} ms`,
      };
    });
  } finally {
    await group.close();
    store.close();
    links.close();
    rmSync(directory, { recursive: true, force: true });
  }
}
