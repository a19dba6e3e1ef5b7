import { existsSync } from 'node:fs';
import { domainOf } from '@ogong/chain/domain';
import { chainFields } from '@ogong/host/config/common-fields';
import { ConfigError } from '@ogong/host/config/config-error';
import { defineConfig } from '@ogong/host/config/define-config';
import { readDeployment } from '@ogong/host/config/read-deployment';
import { duration, hex, text } from '@ogong/host/config/values';
import { loadLedgerKey } from '@ogong/host/crypto/key-files';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { createNodeLedgerSigner } from '@ogong/host/crypto/signers';
import type { Command, Output } from '@ogong/host/lifecycle/command';
import { EXIT } from '@ogong/host/log/errors';
import { systemClock } from '@ogong/host/time/clock';
import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import { signProviderPayee } from '@ogong/protocol/exchange/provider-payee';
import { writeWordFile } from '@ogong/provider/provider/payee-word-file';

const NAME = 'ogong payee';
const DAY_MS = 86_400_000;
/** Whoever steals the provider's key has the payee's stake and name until its word ends. */
const MAX_VALID_MS = 366 * DAY_MS;

const signConfig = defineConfig({
  name: `${NAME} sign`,
  examples: [`${NAME} sign --provider <id> --keypair payee.key --valid-for 720h --out payee-word.json`],
  summary:
    'Signs that a provider serves for this account, on a machine that serves nothing. Carry the file to the one that does, and name it there\n' +
    'by ogong-provider serve --payee-word. `ogong-provider id` prints the id.',
  fields: {
    ...chainFields,
    provider: { schema: hex(32), required: true, description: "id of the provider's key" },
    keypair: {
      schema: text,
      label: '<path>',
      env: 'OGONG_KEYPAIR',
      required: true,
      description: "file with the payee's ledger key as hexadecimal digits",
    },
    validFor: {
      schema: duration,
      default: '7d',
      description:
        "how long it holds; who steals the provider's key has the name and stake of the payee so long. At most 366d",
    },
    out: { schema: text, label: '<path>', required: true, description: 'file to write; one that is there is replaced' },
  },
});

function sign(argv: readonly string[], output: Output): number {
  const parsed = signConfig.parse(argv, process.env);
  if (parsed.kind === 'print') {
    output.write(parsed.text);
    return EXIT.ok;
  }
  const { provider, keypair, validFor, out, ...where } = parsed.values;
  if (validFor > MAX_VALID_MS) throw new ConfigError(signConfig.definition.name, ['--valid-for: at most 366d']);
  const { deployment } = readDeployment(NAME, where);
  const payee = createNodeLedgerSigner(loadLedgerKey(keypair).reveal());
  const ledger = domainOf(deployment, deployment.escrow);
  const providerId = fromHex(provider, 32);
  const validUntilMs = systemClock.nowMs() + validFor;
  const isReplaced = existsSync(out);
  const word = signProviderPayee(nodeCrypto, payee, { ledger, providerId, validUntilMs });
  writeWordFile(out, { ledger, providerId, payee: payee.address, word });
  output.write(
    `${out}: 0x${toHex(payee.address)} is the payee of ${provider} until ${new Date(validUntilMs).toISOString()}` +
      `${isReplaced ? ' (in place of another file)' : ''}\n`,
  );
  return EXIT.ok;
}

export const payeeCommand: Command = {
  name: 'payee',
  summary: 'signs for a provider whose fees go to an account of another machine',
  async run([verb = '', ...argv], output) {
    if (verb === 'sign') return sign(argv, output);
    if (['', '--help', '-h'].includes(verb)) return sign(['--help'], output);
    throw new ConfigError(NAME, [`unknown command "${verb.slice(0, 100)}": it is sign`]);
  },
};
