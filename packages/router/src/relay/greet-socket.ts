import type { Socket } from 'node:net';
import type { LinkServer } from '@ogong/host/link/link-server';
import { computeAddressGroup } from '@ogong/host/link/places';
import {
  encodeRelayGreeting,
  nameCircuit,
  parseRelayAsk,
  RELAY_ANSWER,
  RELAY_ASK_BYTES,
  RELAY_NAME_BYTES,
  type RelayAnswer,
  readExactly,
  TLS_HANDSHAKE,
} from '@ogong/host/link/reach/relay-wire';
import { concatBytes, toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import { findCrowder } from './find-crowder.ts';
import { joinSockets } from './join-sockets.ts';
import type { HeldLink, RelaySeat, RelayState, WaitingCaller } from './relay-state.ts';

const ALL = 'all';

/** Reads the purpose of a new connection from its first bytes. Any other connection is closed without an answer. */
export async function greetSocket(
  state: RelayState,
  socket: Socket,
  control: Pick<LinkServer, 'accept'>,
): Promise<void> {
  const { limits, unread, rate, groupRate, sockets } = state;
  const group = computeAddressGroup(socket.remoteAddress) ?? '';
  socket.on('error', () => {});
  if (!groupRate.take(group) || !rate.take(ALL) || !unread.add(group, limits.maxNewPerGroup)) {
    return void socket.destroy();
  }
  sockets.add(socket);
  socket.once('close', () => sockets.delete(socket));
  try {
    const signal = AbortSignal.timeout(limits.helloTimeoutMs);
    const first = await readExactly(socket, 1, signal);
    socket.unshift(first);
    if (first[0] === TLS_HANDSHAKE) return control.accept(socket, group);
    const ask = parseRelayAsk(await readExactly(socket, RELAY_ASK_BYTES, signal));
    if (ask === undefined) return void socket.destroy();
    socket.write(encodeRelayGreeting(state.salt));
    const name = toHex(await readExactly(socket, RELAY_NAME_BYTES, signal));
    if (ask === 'connect') connectCaller(state, { socket, group, seat: state.named.get(name) });
    else joinNode(state, { socket, group, caller: state.waiting.get(name) });
  } catch {
    socket.destroy();
  } finally {
    unread.remove(group);
  }
}

interface Wanted {
  readonly socket: Socket;
  readonly group: string;
  /** Undefined if no such node is registered. */
  readonly seat: RelaySeat | undefined;
}

/** Holds the caller's connection until the node joins it. */
function connectCaller(state: RelayState, { socket, group, seat }: Wanted): void {
  const { waiting, limits, randomBytes, crypto, clock, groupSecret } = state;
  const refuse = (answer: RelayAnswer): void => {
    state.metrics.links.inc({ outcome: answer });
    endWith(socket, answer);
  };
  if (seat === undefined) {
    refuse('unknown');
    return;
  }
  const node = toHex(seat.certHash);
  const link: HeldLink = { node, group, socket };
  if (!state.meterOf(seat.certHash).hasBytes() || !takeLink(state, link)) {
    refuse('busy');
    return;
  }
  socket.once('close', () => state.held.delete(link));
  const token = randomBytes();
  const name = state.nameOf({ ask: 'join', subject: token });
  const timer = setTimeout(() => refuse('late'), limits.joinTimeoutMs);
  const take = (): void => {
    clearTimeout(timer);
    waiting.delete(name);
  };
  waiting.set(name, { token, seat, socket, group, take, askedAtMs: clock.nowMs() });
  socket.once('close', take);
  const place = crypto.sha256(concatBytes(groupSecret, utf8Encode(group))).subarray(0, 16);
  if (!seat.call({ token, group: place })) refuse('late');
}

/** @returns false without room; otherwise the place is free again once the link leaves `held`. */
function takeLink({ held, limits }: RelayState, link: HeldLink): boolean {
  const { node, group } = link;
  if ([...held].filter((one) => one.group === group).length >= limits.maxLinksPerGroup) return false;
  const hasRoom = (max: number, links: readonly HeldLink[]): boolean => {
    if (links.length < max) return true;
    const crowder = findCrowder(links, group);
    if (crowder === undefined) return false;
    held.delete(crowder);
    crowder.socket.destroy();
    return true;
  };
  const toNode = [...held].filter((one) => one.node === node);
  if (!hasRoom(limits.maxLinksPerNode, toNode) || !hasRoom(limits.maxLinks, [...held])) return false;
  held.add(link);
  return true;
}

interface Joining {
  readonly socket: Socket;
  readonly group: string;
  /** Undefined if no call has the token. */
  readonly caller: WaitingCaller | undefined;
}

/** A token is known to the relay and, over its pinned link, to the node alone. So the holder of the token is the node. */
function joinNode(state: RelayState, { socket: node, group, caller }: Joining): void {
  const { groupRate, rate, limits, clock, crypto, metrics } = state;
  if (caller === undefined) {
    endWith(node, 'unknown');
    return;
  }
  groupRate.giveBack(group);
  rate.giveBack(ALL);
  const meter = state.meterOf(caller.seat.certHash);
  meter.links++;
  caller.take();
  const joined = Uint8Array.of(RELAY_ANSWER.joined);
  node.write(joined);
  caller.socket.write(joined);
  metrics.links.inc({ outcome: 'joined' });
  const circuit = nameCircuit(crypto, caller.token);
  const joinedAtMs = clock.nowMs();
  metrics.steps.add(circuit, 'join', { startMs: caller.askedAtMs });
  const ends = { caller: caller.socket, node, group: caller.group };
  const carried = joinSockets(ends, { meter, limits, unanswered: state.unanswered }, metrics.bytes);
  caller.socket.once('close', () => {
    const { toNode, fromNode } = carried;
    const attributes = { 'ogong.relay.bytes_to_node': toNode, 'ogong.relay.bytes_from_node': fromNode };
    metrics.steps.add(circuit, 'carry', { startMs: joinedAtMs, attributes });
  });
}

function endWith(socket: Socket, answer: RelayAnswer): void {
  socket.end(Uint8Array.of(RELAY_ANSWER[answer]), () => socket.destroy());
}
