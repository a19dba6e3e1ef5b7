import { request } from 'node:http';
import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import { type Attester, AttesterError } from './attester.ts';

const TIMEOUT_MS = 10_000;
const MAX_ANSWER_BYTES = 1 << 20;

/**
 * The guest agent of dstack, at its socket: `POST /GetQuote` with the data in hex, answered by quote and event log.
 * @param collateral statements of Intel's service about the platform, read again for each report: a guest fetches them from time to time.
 */
export function createDstackAttester({
  socket,
  collateral,
}: {
  readonly socket: string;
  readonly collateral: () => unknown;
}): Attester {
  return {
    kind: 'dstack',
    async attest(reportData) {
      const answer = await post(socket, '/GetQuote', { report_data: toHex(reportData) });
      const { quote, event_log: eventLog } = answer;
      const isHex = typeof quote === 'string' && /^(?:0x)?(?:[0-9a-f]{2})+$/i.test(quote);
      if (!isHex || typeof eventLog !== 'string')
        throw new AttesterError('malformed', 'the guest agent answers without a quote or an event log');
      const bytes = fromHex(quote.replace(/^0x/, '').toLowerCase());
      return { cpu: { kind: 'intel', quote: bytes, collateral: collateral() }, eventLog };
    },
  };
}

function post(socketPath: string, path: string, body: object): Promise<Readonly<Record<string, unknown>>> {
  return new Promise((resolve, reject) => {
    const fail = (message: string, cause?: unknown) =>
      reject(new AttesterError('unreachable', `the guest agent at ${socketPath} ${message}`, { cause }));
    const headers = { 'content-type': 'application/json' };
    const call = request({ socketPath, path, method: 'POST', headers, timeout: TIMEOUT_MS }, (response) => {
      const parts: Buffer[] = [];
      let size = 0;
      response.on('data', (part: Buffer) => {
        size += part.length;
        if (size > MAX_ANSWER_BYTES) call.destroy(new Error('its answer is too long'));
        else parts.push(part);
      });
      response.on('error', (error) => fail('broke off', error));
      response.on('end', () => {
        if (response.statusCode !== 200) return fail(`answers with status ${response.statusCode}`);
        try {
          resolve(JSON.parse(Buffer.concat(parts).toString('utf8')) as Readonly<Record<string, unknown>>);
        } catch (cause) {
          reject(new AttesterError('malformed', 'the guest agent answers no JSON', { cause }));
        }
      });
    });
    call.on('timeout', () => call.destroy(new Error('it does not answer in time')));
    call.on('error', (error) => fail('cannot be asked', error));
    call.end(JSON.stringify(body));
  });
}
