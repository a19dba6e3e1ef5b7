import { z } from 'zod';
import { readHostPort, type ValueSchema } from '../config/values.ts';
import { formatHostPort, type HostPort } from './host-port.ts';
import { loadCertificatePin, type PeerId } from './link-identity.ts';

export interface KnownPeer {
  readonly endpoint: HostPort;
  readonly certHash: PeerId;
}

/** A certificate as a file or as its hash. */
export const certificatePin: ValueSchema<PeerId> = z.string().transform((value, context) => {
  try {
    return loadCertificatePin(value);
  } catch (error) {
    context.addIssue({ code: 'custom', message: (error as Error).message });
    return z.NEVER;
  }
});

export interface RouterPeer {
  readonly endpoint: HostPort;
  /** Undefined if one certificate counts for all routers. */
  readonly certHash: PeerId | undefined;
}

/** `host:port`, or `host:port|cert` as below. */
export const routerPeer: ValueSchema<RouterPeer> = z.string().transform((value, context) => {
  const [address = '', pin, ...rest] = value.split('|');
  const parsed = rest.length === 0 ? readHostPort(address) : undefined;
  try {
    if (parsed) return { endpoint: parsed, certHash: pin === undefined ? undefined : loadCertificatePin(pin) };
    context.addIssue({ code: 'custom', message: 'expected host:port or host:port|cert' });
  } catch (error) {
    context.addIssue({ code: 'custom', message: (error as Error).message });
  }
  return z.NEVER;
});

/**
 * Pairs routers with certificates: their own, or the one for all.
 * @param problems gets a sentence for each router that has none.
 */
export function pinRouters(
  routers: readonly RouterPeer[],
  { routerCert, problems }: { readonly routerCert: string | undefined; readonly problems: string[] },
): KnownPeer[] {
  const known: KnownPeer[] = [];
  for (const { endpoint, certHash } of routers) {
    const pin = certHash ?? (routerCert === undefined ? undefined : loadCertificatePin(routerCert));
    if (pin) known.push({ endpoint, certHash: pin });
    else problems.push(`--router ${formatHostPort(endpoint)} needs its certificate: host:port|cert, or --router-cert`);
  }
  return known;
}

/** `host:port|cert`, the certificate as above. */
export const knownPeer: ValueSchema<KnownPeer> = z.string().transform((value, context) => {
  const at = value.indexOf('|');
  const address = at > 0 ? readHostPort(value.slice(0, at)) : undefined;
  const pin = certificatePin.safeParse(value.slice(at + 1));
  if (address && pin.success) return { endpoint: address, certHash: pin.data };
  const message = address ? pin.error?.issues[0]?.message : undefined;
  context.addIssue({ code: 'custom', message: message ?? 'expected host:port|cert' });
  return z.NEVER;
});
