import { ConfigError } from '@ogong/host/config/config-error';
import type { HostPort } from '@ogong/host/link/host-port';
import type { PeerId } from '@ogong/host/link/link-identity';
import type { KnownPeer } from '@ogong/host/link/peer-values';

const ALL_ADDRESSES = ['0.0.0.0', '::'];

export interface GivenRelays {
  /** Address on which the relay beside the router listens. */
  readonly relay?: HostPort | undefined;
  /** Address that others dial. Default: the address on which it listens. */
  readonly relayEndpoint?: HostPort | undefined;
  readonly knownRelay: readonly KnownPeer[];
}

/**
 * Lists the relays that providers are referred to: the given ones, and the one beside this router if others can dial its address.
 * @param certHash of the relay beside the router. @throws ConfigError
 */
export function listRelays(
  { relay, relayEndpoint, knownRelay }: GivenRelays,
  { name, certHash }: { readonly name: string; readonly certHash: PeerId },
): { readonly relays: readonly KnownPeer[]; readonly warning?: string } {
  if (relay === undefined) {
    if (relayEndpoint === undefined) return { relays: knownRelay };
    throw new ConfigError(name, ['--relay-endpoint says where the relay of --relay is found: give --relay, too']);
  }
  const endpoint = relayEndpoint ?? (ALL_ADDRESSES.includes(relay.host) ? undefined : relay);
  if (endpoint !== undefined) return { relays: [{ endpoint, certHash }, ...knownRelay] };
  const warning =
    'no provider is told of the relay, since it listens on all addresses: say where it is found, by --relay-endpoint';
  return { relays: knownRelay, warning };
}
