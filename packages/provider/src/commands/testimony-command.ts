import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { openAttester, teeFields } from '@ogong/host/attester/tee-config';
import { ConfigError } from '@ogong/host/config/config-error';
import { defineConfig } from '@ogong/host/config/define-config';
import { duration, hex, size, text } from '@ogong/host/config/values';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { writePublicFile } from '@ogong/host/files/private-files';
import type { Command } from '@ogong/host/lifecycle/command';
import { EXIT, explainFile } from '@ogong/host/log/errors';
import { systemClock as clock } from '@ogong/host/time/clock';
import { fromHex, toHex, utf8Decode } from '@ogong/protocol/base/bytes';
import { readHeadersFile } from '../machine/headers-file.ts';
import { testify } from '../machine/testify.ts';
import { dataDirField } from '../provider/provider-config.ts';

const NAME = 'ogong-provider testimony';
const CHALLENGE_BYTES = 32;

export const testimonyConfig = defineConfig({
  name: NAME,
  examples: [
    'ogong-provider testimony https://example.org/price.json --authority root.pem --tee dstack --tee-endorsements collateral.json',
    'ogong-provider testimony https://api.example.com/v1/chat/completions --body request.json --headers key.json --authority root.pem --tee software',
  ],
  summary:
    'Asks a server over HTTPS, and has this machine report the request, the response, the server and the time. Prints a testimony as JSON, for ogong testimony.\n' +
    'It is a source that can be shown to others, or the answer of a hosted model. Headers stay here.',
  fields: {
    ...teeFields,
    authority: {
      schema: text,
      label: '<root.pem>',
      repeatable: true,
      description: 'root that may vouch for the server; no other one does, whatever this system believes',
    },
    body: { schema: text, label: '<path>', description: 'body to send by POST; without it the request is a GET' },
    headers: {
      schema: text,
      label: '<headers.json>',
      description: 'headers to send, a JSON object: content type, a key that the server wants',
    },
    challenge: {
      schema: hex(CHALLENGE_BYTES),
      label: '<hex>',
      description: '32 bytes of the caller, which show that the testimony is new; drawn here if not given',
    },
    out: { schema: text, label: '<path>', description: 'where to write the testimony, instead of printing it' },
    maxResponse: { schema: size, default: '4MiB', description: 'longest response' },
    timeout: { schema: duration, default: '2m', description: 'how long the exchange may take' },
    ...dataDirField,
  },
  positionals: { label: '<url>', min: 1, max: 1 },
});

export const testimonyCommand: Command = {
  name: 'testimony',
  summary: 'have this machine say what a server answered',
  async run(argv, output) {
    const parsed = testimonyConfig.parse(argv, process.env);
    if (parsed.kind === 'print') {
      output.write(parsed.text);
      return EXIT.ok;
    }
    const { values, positionals } = parsed;
    const attester = openAttester(NAME, values);
    if (attester === undefined) throw new ConfigError(NAME, ['say by --tee how evidence is made']);
    if (values.authority.length === 0)
      throw new ConfigError(NAME, ['say by --authority which root may vouch for the server']);
    const body = values.body === undefined ? undefined : new Uint8Array(read('body', values.body));
    const order = {
      method: body === undefined ? 'GET' : 'POST',
      url: positionals[0] as string,
      headers: values.headers === undefined ? {} : readHeadersFile(NAME, 'headers', values.headers),
      body,
    } as const;
    const challenge = values.challenge === undefined ? randomBytes(CHALLENGE_BYTES) : fromHex(values.challenge);
    const limits = {
      authorities: values.authority.map((path) => read('authority', path).toString('utf8')),
      ...{ challenge: new Uint8Array(challenge), maxResponseBytes: values.maxResponse, timeoutMs: values.timeout },
    };
    const { testimony, made } = await testify(order, limits, { crypto, attester, clock });
    const { encodeTestimony } = await import('@ogong/attestation/testimony');
    const json = utf8Decode(encodeTestimony(testimony));
    if (values.out === undefined) output.write(`${json}\n`);
    else writePublicFile(values.out, `${json}\n`);
    output.writeError(
      `status ${made.status}, ${made.response.length} bytes; challenge ${toHex(testimony.challenge)}\n`,
    );
    return EXIT.ok;
  },
};

function read(flag: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new ConfigError(NAME, [`--${flag} ${path}: ${explainFile(error)}`]);
  }
}
