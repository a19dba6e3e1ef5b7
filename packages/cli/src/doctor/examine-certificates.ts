import { randomBytes } from 'node:crypto';
import { Secret } from '@ogong/host/crypto/secret';
import { formatHostPort, parseHostPort } from '@ogong/host/link/host-port';
import { createLinkClient, type LinkClient } from '@ogong/host/link/link-client';
import { LinkError } from '@ogong/host/link/link-error';
import { createLinkIdentity } from '@ogong/host/link/link-identity';
import type { DialPolicy } from '@ogong/host/link/public-address';
import { createLadder } from '@ogong/host/link/reach/ladder';
import type { Diagnosis } from './diagnosis.ts';

export interface PinnedPeer {
  readonly endpoint: string;
  readonly certHash: Uint8Array;
}

export type SeenCertificate = 'same' | 'other' | 'unseen';

/** Reads the certificate that a peer shows, without a request. */
export async function seeCertificate(
  { endpoint, certHash }: PinnedPeer,
  dialPolicy: DialPolicy,
): Promise<SeenCertificate> {
  const identity = createLinkIdentity(new Secret(randomBytes(32)));
  let client: LinkClient | undefined;
  try {
    const at = parseHostPort(endpoint);
    const ladder = createLadder(formatHostPort(at), certHash, { dialPolicy });
    client = createLinkClient({ identity, endpoint: at, certHash, ladder });
    await client.connect();
    return 'same';
  } catch (error) {
    // A registered address may be any text.
    if (error instanceof RangeError) return 'unseen';
    if (!(error instanceof LinkError)) throw error;
    return error.code === 'wrong-certificate' ? 'other' : 'unseen';
  } finally {
    client?.close();
  }
}

/** Whether validators show the certificates that the registry names: a peer with another one is not spoken to. */
export async function examineCertificates(
  peers: readonly PinnedPeer[],
  see: (peer: PinnedPeer) => Promise<SeenCertificate>,
): Promise<Diagnosis> {
  const about = 'certificates';
  const seen = await Promise.all(peers.map(see));
  const others = peers.filter((_, i) => seen[i] === 'other').map(({ endpoint }) => endpoint);
  const same = seen.filter((one) => one === 'same').length;
  if (others.length > 0) {
    return {
      ...{ about, status: 'problem', found: `another certificate than the registry names at ${others.join(', ')}` },
      advice: 'a validator of yours: register again, or restore its link.key. Of others: do not connect, and tell them',
    };
  }
  if (same === 0) return { about, status: 'skipped', found: 'no validator showed one' };
  return { about, status: 'ok', found: `${same} validators show what the registry names` };
}
