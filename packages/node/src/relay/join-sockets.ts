import type { Socket } from 'node:net';
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
}

/**
 * Copies bytes both ways until either side ends. Looks at none of them. A reader that is slow holds its writer back, and so does a node's
 * rate.
 */
export function joinSockets(
  { caller, node }: Joined,
  meter: ByteMeter,
  bytes: RelayMetrics['bytes'],
  { idleTimeoutMs }: Pick<RelayLimits, 'idleTimeoutMs'>,
): CarriedBytes {
  const carried = { toNode: 0, fromNode: 0 };
  const cut = (): void => {
    caller.destroy();
    node.destroy();
  };
  const copy = (from: Socket, to: Socket, count: (bytes: number) => void): void => {
    let pausedFor = 0;
    const pause = (): (() => void) => {
      pausedFor++;
      from.pause();
      return () => {
        if (--pausedFor === 0) from.resume();
      };
    };
    from.on('data', (chunk: Buffer) => {
      const waitMs = meter.take(chunk.length);
      if (waitMs === undefined) return cut();
      count(chunk.length);
      if (waitMs > 0) setTimeout(pause(), waitMs).unref();
      if (!to.write(chunk)) to.once('drain', pause());
    });
    from.on('end', () => to.end());
    from.on('error', cut);
    from.on('close', (hadError) => (hadError ? to.destroy() : to.end()));
    from.setTimeout(idleTimeoutMs, cut);
  };
  copy(caller, node, (count) => {
    meter.toNode += BigInt(count);
    carried.toNode += count;
    bytes.inc({ direction: 'to-node' }, count);
  });
  copy(node, caller, (count) => {
    meter.fromNode += BigInt(count);
    carried.fromNode += count;
    bytes.inc({ direction: 'from-node' }, count);
  });
  return carried;
}
