import { existsSync } from 'node:fs';
import { domainOf } from '@ogong/chain/domain';
import { ChainError } from '@ogong/chain/errors';
import type { Hex } from '@ogong/chain/hex';
import { askToSignTyped, type RemoteSigner } from '@ogong/chain/remote-signer';
import { chainFields } from '@ogong/host/config/common-fields';
import { ConfigError } from '@ogong/host/config/config-error';
import { defineConfig } from '@ogong/host/config/define-config';
import { readDeployment } from '@ogong/host/config/read-deployment';
import { duration, hex, text } from '@ogong/host/config/values';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { createNodeLedgerSigner } from '@ogong/host/crypto/signers';
import type { Command, Output } from '@ogong/host/lifecycle/command';
import { jsonField, printJson } from '@ogong/host/lifecycle/print-json';
import { EXIT } from '@ogong/host/log/errors';
import { systemClock } from '@ogong/host/time/clock';
import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import {
  describeProviderPayee,
  encodePayeeStatement,
  type PayeeGrant,
  signProviderPayee,
  verifyProviderPayee,
} from '@ogong/protocol/exchange/provider-payee';
import { writeWordFile } from '@ogong/provider/provider/paid/payee-statement-file';
import { actionFields, readSender } from './act.ts';

const NAME = 'ogong payee';
const DAY_MS = 86_400_000;
/** A thief of the provider's key has the payee's stake and name until the agreement ends. */
const MAX_VALID_MS = 366 * DAY_MS;

const signConfig = defineConfig({
  name: `${NAME} sign`,
  examples: [
    `${NAME} sign --provider <id> --keypair payee.key --valid-for 720h --out payee-word.json`,
    `${NAME} sign --provider <id> --signer http://127.0.0.1:8550 --account <address> --out payee-word.json`,
  ],
  summary:
    'Signs that a provider serves for this account, on a machine that serves nothing. Carry the file to the one that does, and name it there\n' +
    'by ogong-provider serve --payee-word. `ogong-provider id` prints the id.',
  fields: {
    ...chainFields,
    provider: { schema: hex(32), required: true, description: "id of the provider's key" },
    keypair: { ...actionFields.keypair, description: "file with the payee's ledger key as hexadecimal digits" },
    signer: {
      ...actionFields.signer,
      description: 'in place of --keypair: a signer or wallet that answers eth_signTypedData_v4; with --account',
    },
    account: { ...actionFields.account, description: "the payee's account, where --signer signs, without 0x" },
    validFor: {
      schema: duration,
      default: '7d',
      description: "its duration; so long a thief of the provider's key has the payee's name and stake. At most 366d",
    },
    out: { schema: text, label: '<path>', required: true, description: 'file to write; an existing one is replaced' },
    json: jsonField,
  },
});

async function sign(argv: readonly string[], output: Output): Promise<number> {
  const parsed = signConfig.parse(argv, process.env);
  if (parsed.kind === 'print') {
    output.write(parsed.text);
    return EXIT.ok;
  }
  const { provider, keypair, signer, account, validFor, out, json, ...where } = parsed.values;
  if (validFor > MAX_VALID_MS) throw new ConfigError(signConfig.definition.name, ['--valid-for: at most 366d']);
  const { deployment } = readDeployment(NAME, where);
  const sender = readSender(signConfig.definition.name, { keypair, signer, account });
  const ledger = domainOf(deployment, deployment.escrow);
  const providerId = fromHex(provider, 32);
  const validUntilMs = systemClock.nowMs() + validFor;
  const isReplaced = existsSync(out);
  const grant = { ledger, providerId, validUntilMs };
  const { payee, word } =
    'signer' in sender ? await askForWord(sender.signer, grant) : signWord(sender.privateKey, grant);
  writeWordFile(out, { ledger, providerId, payee, word });
  const shown = `0x${toHex(payee)}`;
  if (json)
    printJson(output, { out, payee: shown, provider, validUntil: new Date(validUntilMs).toISOString(), isReplaced });
  else
    output.write(
      `${out}: ${shown} is the payee of ${provider} until ${new Date(validUntilMs).toISOString()}` +
        `${isReplaced ? ' (in place of another file)' : ''}\n`,
    );
  return EXIT.ok;
}

type Grant = PayeeGrant & { readonly ledger: LedgerDomain };

interface SignedWord {
  readonly payee: Uint8Array;
  readonly word: Uint8Array;
}

function signWord(privateKey: Hex, grant: Grant): SignedWord {
  const own = createNodeLedgerSigner(fromHex(privateKey.slice(2), 32));
  return { payee: own.address, word: signProviderPayee(nodeCrypto, own, grant) };
}

/** @throws ChainError if the answer is not the account's own signature over this grant */
async function askForWord(signer: RemoteSigner, { ledger, ...grant }: Grant): Promise<SignedWord> {
  const signature = await askToSignTyped(signer, describeProviderPayee(ledger, grant));
  const payee = fromHex(signer.account.slice(2), 20);
  const payeeWord = encodePayeeStatement(grant, fromHex(signature.slice(2), 65));
  const { providerId, validUntilMs: untilMs } = grant;
  if (!verifyProviderPayee(nodeCrypto, ledger, { providerId, payee, payeeWord, untilMs })) {
    throw new ChainError(
      'bad-input',
      `the signer signed something else, or not as ${signer.account}: nothing was written`,
    );
  }
  return { payee, word: payeeWord };
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
