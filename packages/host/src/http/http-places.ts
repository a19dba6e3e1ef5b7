import type { Socket } from 'node:net';
import { computeAddressGroup, createPlaces, type Visitor } from '../link/places.ts';
import { monotonicClock } from '../time/clock.ts';

export interface HttpPlaceLimits {
  readonly maxConnections: number;
  /**
   * Limit of callers without a key in one group of addresses; a quarter of all places is then reserved for callers with a key. Default:
   * there are no keys, and one address may hold all places.
   */
  readonly maxConnectionsPerAddress?: number | undefined;
}

/** The connections of an HTTP server, by address. Clients that have shown a key keep their place before others. */
export interface HttpPlaces {
  /** A new connection; it is closed if there is no place. */
  enter(socket: Socket): void;
  /** A request of this connection runs until the function is called. */
  begin(socket: Socket): () => void;
  /** Its caller showed a key. */
  welcome(socket: Socket): void;
}

interface Guest extends Visitor {
  running: number;
  idleFromMs: number;
  isWelcome: boolean;
}

export function createHttpPlaces({ maxConnections: max, maxConnectionsPerAddress }: HttpPlaceLimits): HttpPlaces {
  const isOfKeys = maxConnectionsPerAddress !== undefined;
  const reserved = isOfKeys ? Math.floor(max / 4) : 0;
  const places = createPlaces({ max, reserved, maxPerGroup: isOfKeys ? maxConnectionsPerAddress : max });
  const guests = new Map<Socket, Guest>();

  return {
    enter(socket) {
      const guest: Guest = {
        group: computeAddressGroup(socket.remoteAddress),
        running: 0,
        idleFromMs: monotonicClock.nowMs(),
        isWelcome: false,
        isKnown: () => guest.isWelcome,
        idleSinceMs: () => (guest.running > 0 ? undefined : guest.idleFromMs),
        leave: () => socket.destroy(),
      };
      if (!places.enter(guest)) return void socket.destroy();
      guests.set(socket, guest);
      socket.once('close', () => {
        guests.delete(socket);
        places.leave(guest);
      });
    },
    begin(socket) {
      const guest = guests.get(socket);
      if (guest) guest.running++;
      return () => {
        if (!guest) return;
        guest.running--;
        guest.idleFromMs = monotonicClock.nowMs();
      };
    },
    welcome(socket) {
      const guest = guests.get(socket);
      if (guest) guest.isWelcome = true;
    },
  };
}
