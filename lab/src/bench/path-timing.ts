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
import { measureInTurn, median } from './row.ts';

/** Only a few, because an unused ticket holds a slot of its provider until it expires. */
const ROUNDS = 10;

/** Times each step between a request and its first token, to show where added time comes from. */
export async function describePath(mesh: Mesh, model: string): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'ogong-bench-path-'));
  const links = createLinkPool({ identity: await createLinkIdentity(new Secret(crypto.sha256(new Uint8Array(1)))) });
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
      const [requestHash, replyId] = [digest(round), digest(round + 100).slice(0, 16)];
      const seed = crypto.sha256(requestHash, replyId);
      const query = { model, maxPricePer1k: 2n ** 64n - 1n, seed, exclude: [], replyId, requestHash };
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
    const ms = (name: keyof typeof samples): string => `${median(samples[name]).toFixed(1)} ms`;
    return [
      `on the way, one after the other: a ticket from the router, ${ms('route')}`,
      `the order's signature, ${ms('sign')}`,
      `its check by the provider, ${ms('verify')}, and by the validator`,
      `a durable commit each of gateway and validator, ${ms('commit')}`,
      `link round trips to provider and validator, ${ms('roundTrip')} each`,
      'tokenising and checking the request',
      'the first requests of an epoch, until the provider looks for its beacon',
      'and all daemons share the cores with the engine, so that the admission that runs beside the prompt outlasts it',
    ].join('; ');
  } finally {
    await group.close();
    store.close();
    links.close();
    rmSync(directory, { recursive: true, force: true });
  }
}
