import type { Address, Hex } from '@ogong/chain/hex';
import { ConfigError } from '@ogong/host/config/config-error';
import { defineConfig } from '@ogong/host/config/define-config';
import type { Values } from '@ogong/host/config/field';
import { hex } from '@ogong/host/config/values';
import type { Output } from '@ogong/host/lifecycle/command';
import type { Verb } from '@ogong/host/lifecycle/command-group';
import { jsonField, printJson } from '@ogong/host/lifecycle/print-json';
import { EXIT } from '@ogong/host/log/errors';
import type { ManifestFile } from '@ogong/hub/manifest';
import { toHex } from '@ogong/protocol/base/bytes';
import { formatBytes, formatTable } from '@ogong/provider/commands/format';
import { formatAmount, priceField, unitsOf } from '../../money/amount.ts';
import { openLedger } from '../../open-ledger.ts';
import { type CountedPin, describePinState, encodePin, findPinsOf, readPins } from './counted-pin.ts';
import { findPinnedModel, modelFields } from './pinned-model.ts';

const NAME = 'ogong pins list';
/** The newest ones. */
const LISTED = 100;

const fields = {
  ...modelFields,
  payer: { schema: hex(20), description: 'the account that opened them, without 0x; needed without a name' },
  price: priceField,
  json: jsonField,
} as const;

const config = defineConfig({
  name: NAME,
  examples: [
    `${NAME} --payer <address> --deployment deployment.json`,
    `${NAME} acme/small@1.2.0 --deployment deployment.json`,
  ],
  summary:
    `Shows the newest ${LISTED} pins that an account opened, with their proven and missed epochs.\n` +
    'With the name of a model it shows who pins each file of the version.',
  fields,
  positionals: { label: '[maker/model[@version]]', min: 0, max: 1 },
});

type ListValues = Values<typeof fields>;

export const listVerb: Verb = {
  summary: 'show pins with their proofs',
  async run(argv, output) {
    const parsed = config.parse(argv, process.env);
    if (parsed.kind === 'print') {
      output.write(parsed.text);
      return EXIT.ok;
    }
    const { values, positionals } = parsed;
    const [name] = positionals;
    const payer: Address | undefined = values.payer === undefined ? undefined : `0x${values.payer}`;
    if (name !== undefined) await listModel(name, { payer, values, output });
    else if (payer !== undefined) await listAccount(payer, { values, output });
    else throw new ConfigError(NAME, ['write the name of a model, or --payer']);
    return EXIT.ok;
  },
};

interface Listing {
  readonly values: ListValues;
  readonly output: Output;
}

async function listAccount(payer: Address, { values, output }: Listing): Promise<void> {
  const client = await openLedger(NAME, values);
  const listed = (await client.listPins({ payer })).slice(-LISTED);
  const shown = await readPins(
    client,
    listed.map(({ pin }) => pin),
  );
  const { token } = unitsOf(client.deployment);
  if (values.json) printJson(output, { pins: shown.map(encodePin) });
  else if (shown.length === 0) output.write('this account has opened no pin\n');
  else
    for (const one of shown)
      output.write(`${formatPin(one, formatAmount(one.pin.feePerEpoch, values.price, token))}\n`);
}

async function listModel(
  text: string,
  { payer, values, output }: Listing & { readonly payer: Address | undefined },
): Promise<void> {
  const { name, files } = await findPinnedModel(NAME, text, values);
  const client = await openLedger(NAME, values);
  const pins = await findPinsOf(client, new Set(files.map(idOf)), payer);
  const rows = files.map((file) => ({ file, pins: pins.filter(({ pin }) => pin.blob === idOf(file)) }));
  if (values.json)
    printJson(output, {
      name,
      files: rows.map(({ file, pins }) => ({
        ...{ path: file.path, blob: toHex(file.blockRoot), sizeBytes: file.sizeBytes, pins: pins.map(encodePin) },
      })),
    });
  else
    output.write(
      formatTable(
        ['file', 'size', 'pin', 'state', 'provider', 'paid', 'missed', 'epochs'],
        rows.flatMap((row) => formatRows(row)),
      ),
    );
}

const idOf = ({ blockRoot }: ManifestFile): Hex => `0x${toHex(blockRoot)}`;

/** Formats a line for each pin of a file, and one for a file without a pin. */
function formatRows({ file, pins }: { readonly file: ManifestFile; readonly pins: readonly CountedPin[] }): string[][] {
  const first = [file.path, formatBytes(file.sizeBytes)];
  if (pins.length === 0) return [[...first, '-', 'not pinned']];
  return pins.map((shown) => {
    const { pin, provider, proven, returned, epochs } = shown.pin;
    const counts = [proven, returned + shown.missed, epochs].map(String);
    return [...first, `${pin}`, describePinState(shown), provider, ...counts];
  });
}

function formatPin(shown: CountedPin, fee: string): string {
  const { pin, provider, blob, epochs, proven, returned } = shown.pin;
  const epochsText = `${proven} proven, ${returned + shown.missed} missed of ${epochs}`;
  return `${pin}  ${describePinState(shown)}  ${blob.slice(2)}  with ${provider}  ${fee} an epoch: ${epochsText}`;
}
