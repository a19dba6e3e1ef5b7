import { request as httpsRequest, type RequestOptions } from 'node:https';
import type { DetailedPeerCertificate, TLSSocket } from 'node:tls';
import type { Clock } from '@ogong/host/time/clock';

export type ExchangeErrorCode = 'address' | 'unreachable' | 'untrusted' | 'too-large' | 'timeout';

export class ExchangeError extends Error {
  override readonly name = 'ExchangeError';
  readonly code: ExchangeErrorCode;
  readonly retryable: boolean;
  constructor(code: ExchangeErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.retryable = code === 'unreachable' || code === 'timeout';
  }
}

export interface ExchangeOrder {
  readonly method: 'GET' | 'POST';
  /** Address of https, without user, password and fragment. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Body of a POST. */
  readonly body?: Uint8Array | undefined;
}

export interface ExchangeLimits {
  /** PEM: the only roots that may vouch for the server, whatever the system believes. */
  readonly authorities: readonly string[];
  readonly maxResponseBytes: number;
  readonly timeoutMs: number;
}

export interface MadeExchange {
  readonly status: number;
  readonly contentType: string;
  readonly response: Uint8Array;
  /** DER, the server's own first, up to the root. */
  readonly chain: readonly Uint8Array[];
  readonly timeMs: number;
}

const MAX_CHAIN = 8;
/** Errors of TLS alerts and of invalid certificates: another try would change nothing. */
const UNTRUSTED = /CERT|SELF_SIGNED|UNABLE_TO|ALTNAME|SSL|TLS|EPROTO/;

/** @throws ExchangeError */
export function readExchangeUrl(text: string): URL {
  let url: URL;
  try {
    url = new URL(text);
  } catch (cause) {
    throw new ExchangeError('address', `${text.slice(0, 200)} is no address`, { cause });
  }
  if (url.protocol !== 'https:' || url.username !== '' || url.password !== '' || url.hash !== '')
    throw new ExchangeError(
      'address',
      `${url.origin}: an address of https without user, password and fragment is expected`,
    );
  return url;
}

/**
 * One exchange over a link of its own, with a server for which a named authority vouches. A redirection is an answer as any other:
 * following it would be another exchange. The whole response is taken before anything is said about it. @throws ExchangeError
 */
export function makeExchange(
  { method, url: text, headers, body }: ExchangeOrder,
  { authorities, maxResponseBytes, timeoutMs }: ExchangeLimits,
  clock: Pick<Clock, 'nowMs'>,
): Promise<MadeExchange> {
  const url = readExchangeUrl(text);
  const signal = AbortSignal.timeout(timeoutMs);
  const length = body && { 'content-length': String(body.length) };
  const options = { ...toExchangeOptions({ method, headers: { ...headers, ...length }, authorities }), signal };
  return new Promise((resolve, reject) => {
    const wrong = (cause: Error): void => reject(explainExchange(cause, url, signal.aborted ? timeoutMs : undefined));
    const request = httpsRequest(url, options, (answer) => {
      const chain = readChain((answer.socket as TLSSocket).getPeerCertificate(true));
      const pieces: Uint8Array[] = [];
      let length = 0;
      answer.on('data', (piece: Uint8Array) => {
        length += piece.length;
        if (length > maxResponseBytes) {
          wrong(new ExchangeError('too-large', `${url.host} answers with more than ${maxResponseBytes} bytes`));
          request.destroy();
          return;
        }
        pieces.push(piece);
      });
      answer.on('error', wrong);
      answer.on('end', () => {
        if (!answer.complete) return wrong(new Error('the answer ended early'));
        const { statusCode: status = 0 } = answer;
        const contentType = answer.headers['content-type'] ?? 'application/octet-stream';
        resolve({ status, contentType, response: new Uint8Array(Buffer.concat(pieces)), chain, timeMs: clock.nowMs() });
      });
    });
    request.on('error', wrong);
    request.end(body);
  });
}

/** A link of its own, with a server for which one of the authorities vouches. @param authorities PEM */
export const toExchangeOptions = ({
  method,
  headers,
  authorities,
}: {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly authorities: readonly string[];
}): RequestOptions => ({
  method,
  headers: { ...headers, 'accept-encoding': 'identity' },
  ca: [...authorities],
  minVersion: 'TLSv1.2',
  // A link that is kept would show its certificates once.
  agent: false,
});

/** @param lateMs after how long it was given up; undefined if it was not. */
export function explainExchange(
  cause: Error & { readonly code?: unknown },
  { host }: URL,
  lateMs: number | undefined,
): ExchangeError {
  if (cause instanceof ExchangeError) return cause;
  if (lateMs !== undefined)
    return new ExchangeError('timeout', `${host} does not answer within ${lateMs} ms`, { cause });
  const code = String(cause.code ?? '');
  return UNTRUSTED.test(code)
    ? new ExchangeError('untrusted', `no named authority vouches for ${host}: ${code}`, { cause })
    : new ExchangeError('unreachable', `${host} cannot be asked: ${cause.message}`, { cause });
}

/** Node repeats a root as its own issuer. */
export function readChain(first: DetailedPeerCertificate): Uint8Array[] {
  const chain: Uint8Array[] = [];
  let certificate: DetailedPeerCertificate | undefined = first;
  while (certificate?.raw !== undefined && chain.length < MAX_CHAIN) {
    chain.push(new Uint8Array(certificate.raw));
    const { issuerCertificate }: DetailedPeerCertificate = certificate;
    certificate = issuerCertificate === certificate ? undefined : issuerCertificate;
  }
  return chain;
}
