import { z } from 'zod';
import { readHostPort, type ValueSchema } from '../config/values.ts';
import type { HostPort } from './host-port.ts';
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
