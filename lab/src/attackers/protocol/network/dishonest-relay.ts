import { connect, createServer, type Server, type Socket } from 'node:net';
import { formatHostPort, type HostPort } from '@ogong/host/link/host-port';
import type { LinkIdentity, PeerId } from '@ogong/host/link/link-identity';
import { createLinkPool } from '@ogong/host/link/link-pool';
import { createLinkServer, type LinkServer } from '@ogong/host/link/link-server';
import { addressOf, listen } from '@ogong/host/link/listen';
import {
  encodeRelayGreeting,
  RELAY_ANSWER,
  RELAY_ASK_BYTES,
  RELAY_NAME_BYTES,
  readExactly,
} from '@ogong/host/link/reach/relay-wire';
import { RouterService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { makeIdentity } from '@ogong/testing/link/link-fixture';
import { defineAttack } from '../define-attack.ts';

/** A node that lists models, and callers that want it. */
export interface RelayedNode {
  readonly at: HostPort;
  readonly certHash: PeerId;
  /** Another node, of the attacker's. */
  readonly decoy: HostPort;
  readonly caller: LinkIdentity;
  /** The node's answer. */
  readonly says: string;
}

/** Changes what the node sends. The first piece is its part of the handshake; the attack begins after it. */
type Bend = (pieces: Buffer[]) => Buffer[];

const flip = (piece: Buffer): Buffer => {
  const bent = Buffer.from(piece);
  const at = bent.length >> 1;
  bent[at] = (bent[at] as number) ^ 1;
  return bent;
};

const BENDS: Readonly<Record<string, Bend>> = {
  changes: ([first, ...rest]) => [...(first ? [flip(first)] : []), ...rest],
  drops: ([, ...rest]) => rest,
  repeats: ([first, ...rest]) => [...(first ? [first, first] : []), ...rest],
  reorders: ([first, second, ...rest]) => [...(second ? [second] : []), ...(first ? [first] : []), ...rest],
  cuts: () => [],
};

/** A relay that does not only copy: it changes, drops, repeats and reorders what it carries, cuts it off, or leads to somebody else. */
export const dishonestRelay = defineAttack({
  name: 'dishonest-relay',
  adversary: 'relay that changes, drops, repeats or reorders bytes, or leads to another node',
  aim: 'read what is asked and answered, have another answer taken, or pass its own node off as the wanted one',
  stoppedBy: "The inner link pins the node's certificate, and each of these ends it",
  restarts: { none: 'the relay is the attacker, and a link that it has broken is gone' },
  async play(node: RelayedNode) {
    const copied: Buffer[] = [];
    const honest = await callThrough(node, node.at, (pieces) => {
      copied.push(...pieces);
      return pieces;
    });
    const cheated: Record<string, { readonly told: string } | { readonly error: string }> = {};
    for (const [what, bend] of Object.entries(BENDS)) cheated[what] = await attempt(callThrough(node, node.at, bend));
    cheated['leads elsewhere'] = await attempt(callThrough(node, node.decoy, (pieces) => pieces));
    return { honest, read: Buffer.concat(copied).toString('latin1'), cheated };
  },
  async stage({ play, keep }) {
    const node = keep(await openRelayedNode());
    const { honest, read, cheated } = await play(node);
    const isRead = read.includes(node.says);
    const errors = Object.values(cheated).map((outcome) => ('told' in outcome ? 'taken' : outcome.error));
    const isRefused = errors.every((error) => ['unreachable', 'timeout', 'wrong-certificate'].includes(error));
    return {
      tried: `carried a call to ${honest}, then ${Object.keys(cheated).join(', ')}`,
      answered: [
        isRead ? 'the answer stood in what passed' : `the answer did not stand in the ${read.length} bytes that passed`,
        ...Object.entries(cheated).map(([what, outcome]) =>
          'told' in outcome ? `${what}: it was taken` : `${what}: ${outcome.error}`,
        ),
      ],
      worked:
        honest !== node.says ||
        isRead ||
        read.length <= 200 ||
        errors.length !== 6 ||
        !isRefused ||
        errors.at(-1) !== 'wrong-certificate',
    };
  },
});

/** A node, and one of the attacker's, on loopback. */
export async function openRelayedNode(): Promise<RelayedNode & { close(): Promise<void> }> {
  const serve = async (seed: number, model: string): Promise<LinkServer> => {
    const server = createLinkServer({
      identity: await makeIdentity(seed),
      bind: { host: '127.0.0.1', port: 0 },
      authorize: () => true,
      routes: (router) => router.service(RouterService, { listModels: () => ({ models: [{ model }] }) }),
    });
    await server.start();
    return server;
  };
  const says = 'ogong/verified/somebody/a-model-with-a-long-name';
  const [node, decoy] = await Promise.all([serve(1, says), serve(2, 'ogong/verified/somebody/decoy')]);
  return {
    ...{ at: node.address(), certHash: (await makeIdentity(1)).id, decoy: decoy.address(), says },
    caller: await makeIdentity(3),
    async close() {
      await Promise.all([node.stop(0), decoy.stop(0)]);
    },
  };
}

const attempt = (call: Promise<string>) =>
  call.then(
    (told) => ({ told }),
    (error: { readonly code?: string }) => ({ error: error.code ?? 'bug' }),
  );

async function callThrough({ certHash, caller }: RelayedNode, target: HostPort, bend: Bend): Promise<string> {
  const relay = await openRelay(target, bend);
  const links = createLinkPool({ identity: caller, limits: { connectTimeoutMs: 2_000 }, dialPolicy: 'any' });
  const endpoint = `relay/${formatHostPort(addressOf(relay.server))}`;
  try {
    const { models } = await links.to(RouterService, { endpoint, certHash }).listModels({}, { timeoutMs: 2_000 });
    return models.map(({ model }) => model).join(' ');
  } finally {
    links.close();
    relay.close();
  }
}

/** Says that the node has joined, and sends on what the bend makes of each burst of its bytes. */
async function openRelay(target: HostPort, bend: Bend): Promise<{ readonly server: Server; close(): void }> {
  const sockets: Socket[] = [];
  const server = createServer({ noDelay: true }, async (near) => {
    near.on('error', () => {});
    sockets.push(near);
    const signal = AbortSignal.timeout(5_000);
    await readExactly(near, RELAY_ASK_BYTES, signal);
    near.write(encodeRelayGreeting(new Uint8Array(32)));
    await readExactly(near, RELAY_NAME_BYTES, signal);
    const far = connect({ ...target, noDelay: true });
    sockets.push(far);
    far.on('error', () => {});
    near.write(Uint8Array.of(RELAY_ANSWER.joined));
    near.pipe(far);
    let isGreeted = false;
    far.on('data', (chunk: Buffer) => {
      if (!isGreeted) {
        isGreeted = true;
        near.write(chunk);
        return;
      }
      const middle = Math.ceil(chunk.length / 2);
      for (const piece of bend([chunk.subarray(0, middle), chunk.subarray(middle)])) near.write(piece);
    });
    far.on('close', () => near.end());
  });
  await listen(server, { host: '127.0.0.1', port: 0 });
  return {
    server,
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
