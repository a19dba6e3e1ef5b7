import { createHash } from 'node:crypto';
import { request as httpsRequest } from 'node:https';
import { Readable } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { UpstreamLink } from '@ogong/engine/upstream/connection';
import type { Clock } from '@ogong/host/time/clock';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { ShownExchange } from '@ogong/protocol/tier/proxied';
import { encodeHttpsExchange, hashChain } from '@ogong/protocol/tier/testimony';
import { explainExchange, readChain, readExchangeUrl, toExchangeOptions } from './https-exchange.ts';

/** Statuses whose answers have no body. */
const BODILESS = [101, 204, 205, 304];

/**
 * A link to a hosted API for which a named authority vouches, whatever the system believes. Its answers come piece by piece, and what was asked and
 * received until then can be shown. Each request has a link of its own.
 */
export function createShownLink(
  authorities: readonly string[],
  { crypto, clock }: { readonly crypto: Pick<Crypto, 'sha256'>; readonly clock: Pick<Clock, 'nowMs'> },
): UpstreamLink {
  const shown = new WeakMap<Response, () => ShownExchange>();
  return {
    fetch(address, { method = 'GET', headers, body = '', signal }) {
      const url = readExchangeUrl(address);
      const sent = new Uint8Array(Buffer.from(body));
      const given = {
        ...Object.fromEntries(new Headers(headers)),
        ...(body === '' ? {} : { 'content-length': String(sent.length) }),
      };
      const options = { ...toExchangeOptions({ method, headers: given, authorities }), ...(signal && { signal }) };
      return new Promise((resolve, reject) => {
        const request = httpsRequest(url, options, (answer) => {
          const chain = readChain((answer.socket as TLSSocket).getPeerCertificate(true));
          const told = createHash('sha256');
          const status = answer.statusCode ?? 0;
          async function* take(): AsyncGenerator<Uint8Array> {
            for await (const piece of answer as AsyncIterable<Uint8Array>) {
              told.update(piece);
              yield piece;
            }
          }
          const type = answer.headers['content-type'];
          const response = new Response(
            BODILESS.includes(status) ? null : (Readable.toWeb(Readable.from(take())) as ReadableStream<Uint8Array>),
            { status, headers: type === undefined ? {} : { 'content-type': type } },
          );
          shown.set(response, () => ({
            statement: encodeHttpsExchange({
              ...{ method, url: address, status, chainHash: hashChain(crypto, chain), timeMs: clock.nowMs() },
              requestHash: crypto.sha256(sent),
              responseHash: new Uint8Array(told.copy().digest()),
            }),
            chain,
          }));
          resolve(response);
        });
        request.on('error', (cause) => reject(explainExchange(cause, url, undefined)));
        request.end(sent);
      });
    },
    show(response) {
      const show = shown.get(response);
      if (show === undefined) throw new TypeError('this answer came over another link');
      return show();
    },
  };
}
