import { lookup as lookUpName } from 'node:dns/promises';
import { Agent as PlainAgent, type RequestOptions, request as requestPlain } from 'node:http';
import { request as requestTls, Agent as TlsAgent } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { Readable } from 'node:stream';
import { type DialPolicy, isPublicAddress } from '../link/public-address.ts';

export interface FileRequest {
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
  /** Sent by POST. */
  readonly body?: string;
}

/** Asks for a file, or posts a body. A redirect is an answer, and is not followed. */
export interface FetchFile {
  (address: string, init: FileRequest): Promise<Response>;
  /** The rules, for connections that somebody else opens. */
  readonly guard?: { readonly isAllowed: (address: string) => boolean; readonly lookup: LookupFunction };
}

export interface AddressRules {
  /** Tells whether an IP address may be called. */
  readonly isAllowed: (address: string) => boolean;
  /** Returns the IP addresses of a name. Default: those of DNS. */
  readonly find?: (host: string) => Promise<readonly { readonly address: string; readonly family: number }[]>;
}

/** A connection without a call is closed after so long: a stranger's server would leave it open. */
const IDLE_MS = 10_000;

/** Returns the fetch for addresses that strangers name; undefined if each address may be called. */
export const toCheckedFetch = (policy: DialPolicy): FetchFile | undefined =>
  policy === 'any' ? undefined : createCheckedFetch({ isAllowed: isPublicAddress });

/**
 * Creates a fetch that calls allowed IP addresses alone. It connects to the address that it has checked, so a name cannot lead elsewhere after
 * the check. Each call is checked, so that of a redirect is too.
 * @returns a function that throws TypeError, with the reason in its cause, if nobody is called or nobody answers.
 */
export function createCheckedFetch({ isAllowed, find = findAll }: AddressRules): FetchFile {
  const lookup: LookupFunction = (host, { all }, done) => {
    find(host).then(
      (found) => {
        const [first] = found;
        if (first === undefined || !found.every(({ address }) => isAllowed(address))) done(refuse(host), '', 0);
        else if (all === true) done(null, [...found]);
        else done(null, first.address, first.family);
      },
      (error: NodeJS.ErrnoException) => done(error, '', 0),
    );
  };
  const limits = { keepAlive: true, maxFreeSockets: 4, timeout: IDLE_MS, lookup };
  const [plain, tls] = [new PlainAgent(limits), new TlsAgent(limits)];
  const call = async (address: string, { headers = {}, signal, body }: FileRequest): Promise<Response> => {
    const url = new URL(address);
    const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
    const isPlain = url.protocol === 'http:';
    try {
      if (isIP(host) !== 0 && !isAllowed(host)) throw refuse(host);
      const options = { agent: isPlain ? plain : tls, headers, ...(signal && { signal }) };
      return await ask(isPlain ? requestPlain : requestTls, url, { ...options, body });
    } catch (cause) {
      throw new TypeError('fetch failed', { cause });
    }
  };
  return Object.assign(call, { guard: { isAllowed, lookup } });
}

const findAll = (host: string) => lookUpName(host, { all: true });

const refuse = (host: string): Error =>
  Object.assign(new Error(`${host} leads to an address that is not called`), { code: 'EACCES' });

function ask(
  request: typeof requestPlain,
  url: URL,
  { body: posted, ...options }: RequestOptions & { readonly body: string | undefined },
): Promise<Response> {
  return new Promise((resolve, reject) => {
    request(url, { ...options, method: posted === undefined ? 'GET' : 'POST' })
      .on('response', (answer) => {
        const { statusCode: status = 0, rawHeaders } = answer;
        const headers = new Headers();
        for (let i = 0; i + 1 < rawHeaders.length; i += 2)
          headers.append(rawHeaders[i] as string, rawHeaders[i + 1] as string);
        // A call that ends early cuts the stream, which then has no reader left.
        answer.on('error', () => undefined);
        const body = [204, 205, 304].includes(status) ? null : (Readable.toWeb(answer) as unknown as ReadableStream);
        if (body === null) answer.resume();
        try {
          resolve(new Response(body, { status, headers }));
        } catch (error) {
          answer.destroy();
          reject(error);
        }
      })
      .on('error', reject)
      // An answer that changes the protocol ends the call without an error.
      .on('close', () => reject(new Error('the connection was closed without an answer')))
      .end(posted);
  });
}
