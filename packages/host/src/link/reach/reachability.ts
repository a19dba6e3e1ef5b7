import type { Socket } from 'node:net';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { formatRoutes, MAX_ROUTES, type NodeRoute } from '@ogong/protocol/exchange/routes';
import { formatHostPort } from '../host-port.ts';
import type { LinkIdentity } from '../link-identity.ts';
import type { Puncher } from './punch.ts';
import type { RelayPayerOptions } from './relay-payer.ts';
import { createRelayRegistration, type RelayPeer, type RelayRegistrationState } from './relay-registration.ts';
import type { RelayedLink } from './relay-wire.ts';

export interface ReachabilityOptions {
  /** `host:port` at which others reach this node itself; undefined behind a NAT. */
  readonly direct: () => string | undefined;
  readonly relays: readonly RelayPeer[];
  /** Takes links through holes that are punched. Default: none. */
  readonly puncher?: Puncher | undefined;
}

export interface ReachabilityDependencies {
  readonly crypto: Crypto;
  readonly identity: LinkIdentity;
  readonly accept: (socket: Socket, group: string, relayed?: RelayedLink) => void;
  /** Pays relays that ask for it. Default: none of those is used. */
  readonly payer?: RelayPayerOptions | undefined;
  /** Other routes than before. */
  readonly onChange?: (state: RelayRegistrationState) => void;
  readonly onError?: (error: unknown, relay: string) => void;
}

/** How others reach this node: the text of its endpoint, kept true. */
export interface Reachability {
  start(): void;
  stop(): Promise<void>;
  /** If no relay accepts this node now, the requested ones are listed. */
  endpoint(): string;
  isReachable(): boolean;
  relays(): readonly RelayRegistrationState[];
}

export function createReachability(
  { direct, relays, puncher }: ReachabilityOptions,
  { crypto, identity, accept, payer, onChange = () => {}, onError = () => {} }: ReachabilityDependencies,
): Reachability {
  const registrations = relays.map((relay) =>
    createRelayRegistration(
      { relay },
      {
        ...{ crypto, identity, accept, payer, onChange },
        onError: (error) => onError(error, formatHostPort(relay.endpoint)),
      },
    ),
  );
  let punched: string | undefined;
  const states = () => registrations.map((registration) => registration.state());

  return {
    start() {
      for (const registration of registrations) registration.start();
      puncher?.listen(accept).then(
        (key) => {
          punched = key;
        },
        (error: unknown) => onError(error, 'punch'),
      );
    },
    async stop() {
      await Promise.all(registrations.map((registration) => registration.stop()));
    },
    endpoint() {
      const own = direct();
      const all = states();
      const registered = all.filter(({ isRegistered }) => isRegistered);
      const asked = own === undefined && registered.length === 0 ? all : registered;
      const routes: NodeRoute[] = asked.map(({ at }) => ({ kind: 'relay', at }));
      const first: NodeRoute[] = own === undefined ? [] : [{ kind: 'direct', at: own }];
      if (punched !== undefined) first.push({ kind: 'punch', at: punched });
      return formatRoutes([...first, ...routes].slice(0, MAX_ROUTES));
    },
    isReachable: () => direct() !== undefined || states().some(({ isRegistered }) => isRegistered),
    relays: states,
  };
}
