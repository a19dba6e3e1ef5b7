import { constants } from 'node:crypto';
import type { SecureContextOptions, TLSSocket } from 'node:tls';
import { hashCertificate, type LinkIdentity, type PeerId } from './link-identity.ts';

/**
 * TLS options that both ends of a link share. No session tickets: a resumed session carries no peer certificate, and a link without one is
 * refused anyway.
 */
export function createTlsOptions(identity: LinkIdentity): SecureContextOptions & { rejectUnauthorized: false } {
  return {
    cert: identity.certificatePem,
    key: identity.privateKey.export({ format: 'pem', type: 'pkcs8' }),
    minVersion: 'TLSv1.3',
    maxVersion: 'TLSv1.3',
    secureOptions: constants.SSL_OP_NO_TICKET,
    // Certificates are self-signed. The user of the socket checks the hash of the certificate instead.
    rejectUnauthorized: false,
  };
}

/** Undefined without a certificate (none was sent, or the session was resumed): callers must close the connection. */
export function getPeerId(socket: TLSSocket): PeerId | undefined {
  const certificate = socket.getPeerX509Certificate();
  return certificate ? hashCertificate(certificate.raw) : undefined;
}
