import type { Socket } from 'node:net';
import type { RateLimiter } from '@ogong/host/link/token-bucket';
import type { ByteMeter } from './byte-meter.ts';
import type { RelayLimits } from './relay-limits.ts';
import type { RelayMetrics } from './relay-state.ts';

/** Bytes of one link so far. */
export interface CarriedBytes {
  toNode: number;
  fromNode: number;
}

interface Joined {
  readonly caller: Socket;
  readonly node: Socket;
  /** Address of the caller. */
  readonly group: string;
}

interface JoinLimits {
  readonly meter: ByteMeter;
  readonly limits: Pick<RelayLimits, 'idleTimeoutMs' | 'maxUnansweredBytes'>;
  /** By address, what callers sent to nodes that have not answered. */
  readonly unanswered: RateLimiter;
}

/** So long a node has for what its caller had sent before it reset the link. */
const LINGER_MS = 5_000;

/**
 * Copies bytes both ways until either side ends. Looks at none of them. A reader that is slow holds its writer back, and so does a node's
 * rate. Until the node has answered, its caller's bytes are charged to the caller's address: whoever resets links that no node took would
 * use up the credit of somebody who never counted these bytes.
 */
export function joinSockets(
  { caller, node, group }: Joined,
  { meter, limits: { idleTimeoutMs, maxUnansweredBytes }, unanswered }: JoinLimits,
  bytes: RelayMetrics['bytes'],
): CarriedBytes {
  const carried = { toNode: 0, fromNode: 0 };
  let hasAnswered = false;
  let unansweredBytes = 0;
  const cut = (): void => {
    caller.destroy();
    node.destroy();
  };
  /** @returns as a meter does. */
  const takeToNode = (count: number): number | undefined => {
    if (hasAnswered) {
      meter.toNode += BigInt(count);
      return meter.take(count);
    }
    unansweredBytes += count;
    const isWithin = unansweredBytes <= maxUnansweredBytes && unanswered.take(group, count);
    return isWithin ? meter.pace(count) : undefined;
  };
  const takeFromNode = (count: number): number | undefined => {
    if (!hasAnswered) {
      hasAnswered = true;
      unanswered.giveBack(group, unansweredBytes);
      meter.toNode += BigInt(unansweredBytes);
      if (!meter.charge(unansweredBytes)) return undefined;
    }
    meter.fromNode += BigInt(count);
    return meter.take(count);
  };
  const copy = (from: Socket, to: Socket, take: (bytes: number) => number | undefined): void => {
    let pausedFor = 0;
    const pause = (): (() => void) => {
      pausedFor++;
      from.pause();
      return () => {
        if (--pausedFor === 0) from.resume();
      };
    };
    from.on('data', (chunk: Buffer) => {
      const waitMs = take(chunk.length);
      if (waitMs === undefined) return cut();
      if (waitMs > 0) setTimeout(pause(), waitMs).unref();
      if (!to.write(chunk)) to.once('drain', pause());
    });
    from.on('end', () => to.end());
    from.setTimeout(idleTimeoutMs, cut);
  };
  copy(caller, node, (count) => {
    carried.toNode += count;
    bytes.inc({ direction: 'to-node' }, count);
    return takeToNode(count);
  });
  copy(node, caller, (count) => {
    carried.fromNode += count;
    bytes.inc({ direction: 'from-node' }, count);
    return takeFromNode(count);
  });
  node.on('error', cut);
  node.on('close', (hadError) => (hadError ? caller.destroy() : caller.end()));
  // What was charged to the node is handed to it, so that it counts the same.
  const endNode = (): void => {
    node.end();
    setTimeout(() => node.destroy(), LINGER_MS).unref();
  };
  caller.on('error', endNode);
  caller.on('close', endNode);
  return carried;
}
