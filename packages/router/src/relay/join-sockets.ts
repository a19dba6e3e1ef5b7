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
  /** By address: bytes that callers sent to nodes that have not answered. */
  readonly unanswered: RateLimiter;
}

/** Time that a node has to read the bytes that its caller sent before a reset. */
const LINGER_MS = 5_000;

/**
 * Copies bytes both ways until either side ends. Looks at none of them. A reader that is slow holds its writer back, and so does
 * a node's rate. Until the node has answered, its caller's bytes are charged to the caller's address. Otherwise a caller that
 * resets unanswered links would use up the credit of a node that never counted these bytes. Bytes that are charged to the node
 * are delivered to it, even if the link ends, and the node reads them all. Once the node has ended its side, nothing more is
 * charged to it.
 */
export function joinSockets(
  { caller, node, group }: Joined,
  { meter, limits: { idleTimeoutMs, maxUnansweredBytes }, unanswered }: JoinLimits,
  bytes: RelayMetrics['bytes'],
): CarriedBytes {
  const carried = { toNode: 0, fromNode: 0 };
  let hasAnswered = false;
  let hasNodeEnded = false;
  let unansweredBytes = 0;
  /** @returns the pause, as a meter does. */
  const takeUnanswered = (count: number): number | undefined => {
    unansweredBytes += count;
    const isWithin = unansweredBytes <= maxUnansweredBytes && unanswered.take(group, count);
    return isWithin ? meter.pace(count) : undefined;
  };
  const takeFromNode = (count: number): number | undefined => {
    if (!hasAnswered) {
      hasAnswered = true;
      unanswered.giveBack(group, unansweredBytes);
      meter.toNode += BigInt(unansweredBytes);
      const isWithin = meter.charge(unansweredBytes);
      unansweredBytes = 0;
      if (!isWithin) return undefined;
    }
    meter.fromNode += BigInt(count);
    return meter.take(count);
  };
  const endNode = (): void => {
    node.end();
    setTimeout(() => node.destroy(), LINGER_MS).unref();
  };
  const cut = (): void => {
    caller.destroy();
  };
  const toNode = createPauses(caller);
  const fromNode = createPauses(node);
  caller.on('data', (chunk: Buffer) => {
    carried.toNode += chunk.length;
    bytes.inc({ direction: 'to-node' }, chunk.length);
    if (hasNodeEnded) {
      if (takeUnanswered(chunk.length) === undefined) cut();
      return;
    }
    let waitMs: number | undefined;
    if (hasAnswered) {
      meter.toNode += BigInt(chunk.length);
      waitMs = meter.take(chunk.length);
      // The bytes are charged, so they are passed on.
      if (waitMs === undefined) node.write(chunk);
    } else waitMs = takeUnanswered(chunk.length);
    if (waitMs === undefined) return cut();
    toNode.wait(waitMs);
    if (!node.write(chunk)) node.once('drain', toNode.pause());
  });
  node.on('data', (chunk: Buffer) => {
    // The caller is gone, and the node must not read on.
    if (caller.destroyed) return;
    carried.fromNode += chunk.length;
    bytes.inc({ direction: 'from-node' }, chunk.length);
    const waitMs = takeFromNode(chunk.length);
    if (waitMs === undefined) return cut();
    fromNode.wait(waitMs);
    if (!caller.write(chunk)) caller.once('drain', fromNode.pause());
  });
  caller.on('end', () => node.end());
  node.on('end', () => {
    hasNodeEnded = true;
    // Bytes that the caller sends now are charged to nobody else.
    unansweredBytes = 0;
    caller.end();
    toNode.end();
    endNode();
  });
  caller.setTimeout(idleTimeoutMs, cut);
  node.setTimeout(idleTimeoutMs, cut);
  node.on('error', cut);
  node.on('close', (hadError) => (hadError ? caller.destroy() : caller.end()));
  caller.on('error', endNode);
  caller.on('close', () => {
    fromNode.end();
    endNode();
  });
  return carried;
}

interface Pauses {
  /** @returns a function that ends this pause. */
  pause(): () => void;
  wait(ms: number): void;
  /** Ends all pauses. */
  end(): void;
}

/** Reads a socket unless it is paused. */
function createPauses(socket: Socket): Pauses {
  let pausedFor = 0;
  let hasEnded = false;
  const pause = (): (() => void) => {
    if (hasEnded) return () => {};
    pausedFor++;
    socket.pause();
    return () => {
      if (--pausedFor === 0) socket.resume();
    };
  };
  return {
    pause,
    wait(ms) {
      if (ms > 0) setTimeout(pause(), ms).unref();
    },
    end() {
      hasEnded = true;
      socket.resume();
    },
  };
}
