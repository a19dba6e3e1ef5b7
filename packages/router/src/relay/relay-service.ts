import type { HandlerContext, ServiceImpl } from '@connectrpc/connect';
import { RateLimited, Refusal } from '@ogong/host/link/link-error';
import { getCallerPlace } from '@ogong/host/link/link-server';
import { toHex } from '@ogong/protocol/base/bytes';
import { signRelayAccount } from '@ogong/protocol/exchange/relay/relay-account';
import type { RelayService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { findCrowder } from './find-crowder.ts';
import type { CallEvent, RelaySeat, RelayState } from './relay-state.ts';

/** Most calls that a node has not read. A node that reads none is gone. */
const MAX_UNREAD = 256;

export interface RelayServiceOptions {
  readonly accountIntervalMs: number;
}

export function createRelayService(
  state: RelayState,
  { accountIntervalMs }: RelayServiceOptions,
): ServiceImpl<typeof RelayService> {
  return {
    register: (_, context) => register(state, context, accountIntervalMs),
    async pay(signed, context) {
      const { peer } = getCallerPlace(context);
      if (state.payments === undefined) throw new Refusal('precondition', 'this relay carries for nothing');
      if (!state.seats.has(toHex(peer))) throw new Refusal('precondition', 'you are not registered here');
      await state.payments.take(peer, signed);
      return {};
    },
  };
}

async function* register(state: RelayState, context: HandlerContext, accountIntervalMs: number) {
  const { peer, group = '' } = getCallerPlace(context);
  const { seats, relayId } = state;
  const name = toHex(peer);
  const unread: CallEvent[] = [];
  let wake = (): void => {};
  let isOver = false;
  const end = (): void => {
    isOver = true;
    wake();
  };
  const seat: RelaySeat = {
    ...{ certHash: peer, group, end },
    call(event) {
      if (unread.length >= MAX_UNREAD) return false;
      unread.push(event);
      wake();
      return true;
    },
  };
  takeSeat(state, seat);
  state.meterOf(peer);
  state.metrics.nodes.set(seats.size);
  context.signal.addEventListener('abort', end, { once: true });
  const accounts = setInterval(() => wake(), accountIntervalMs);
  let accountedAtMs = state.clock.nowMs();
  try {
    const terms = state.payments && { terms: state.payments.terms };
    yield { event: { case: 'registered' as const, value: { seenAt: group, relayId, ...terms } } };
    while (!isOver) {
      for (let next = unread.shift(); next !== undefined; next = unread.shift()) {
        yield { event: { case: 'call' as const, value: next } };
      }
      const nowMs = state.clock.nowMs();
      if (nowMs - accountedAtMs >= accountIntervalMs) {
        accountedAtMs = nowMs;
        yield { event: { case: 'account' as const, value: signAccount(state, peer, nowMs) } };
        continue;
      }
      await new Promise<void>((resolve) => {
        wake = resolve;
        if (isOver || unread.length > 0) resolve();
      });
    }
  } finally {
    clearInterval(accounts);
    context.signal.removeEventListener('abort', end);
    if (seats.get(name) === seat) leaveSeat(state, seat);
    state.metrics.nodes.set(seats.size);
  }
}

/** A node has one registration. The holder of its key may register again, as after a lost connection. @throws RateLimited */
function takeSeat(state: RelayState, seat: RelaySeat): void {
  const { seats, named, limits, nameOf } = state;
  const name = toHex(seat.certHash);
  const others = [...seats].filter(([other]) => other !== name).map(([, each]) => each);
  const ofGroup = others.filter(({ group }) => group === seat.group);
  const isFull = others.length >= limits.maxNodes;
  const crowder = isFull ? findCrowder(others, seat.group) : undefined;
  if ((isFull && crowder === undefined) || ofGroup.length >= limits.maxNodesPerGroup) {
    throw new RateLimited('this relay has no room for another node; register with another one');
  }
  if (crowder !== undefined) leaveSeat(state, crowder);
  crowder?.end();
  seats.get(name)?.end();
  seats.set(name, seat);
  named.set(nameOf({ ask: 'connect', subject: seat.certHash }), seat);
}

function leaveSeat({ seats, named, nameOf }: RelayState, { certHash }: RelaySeat): void {
  seats.delete(toHex(certHash));
  named.delete(nameOf({ ask: 'connect', subject: certHash }));
}

function signAccount({ signer, relayId, meterOf }: RelayState, certHash: Uint8Array, nowMs: number) {
  const { toNode, fromNode, links, sinceMs } = meterOf(certHash);
  return signRelayAccount(signer, {
    relayId,
    certHash,
    toNode,
    fromNode,
    links,
    sinceMs,
    untilMs: Math.max(nowMs, sinceMs),
  });
}
