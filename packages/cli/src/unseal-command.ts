import { defineConfig } from '@ogong/host/config/define-config';
import { text } from '@ogong/host/config/values';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { nodeSeal as seal } from '@ogong/host/crypto/node-seal';
import type { Command } from '@ogong/host/lifecycle/command';
import { jsonField, printJson } from '@ogong/host/lifecycle/print-json';
import { describeFailure } from '@ogong/host/log/errors';
import { isOk, listSkipped } from '@ogong/protocol/base/checks';
import { toPrintable } from '@ogong/protocol/base/printable';
import { parseRecordV2 } from '@ogong/protocol/commitment/record';
import { parseDisclosure, verifyDisclosure } from '@ogong/protocol/verdict/receipt/sealed-disclosure';
import { formatVerdict } from './print-checks.ts';
import { readReceiptFile } from './receipt-file.ts';
import { readUserFile } from './user-files.ts';
import { VERIFY_EXIT } from './verify-command.ts';

const NAME = 'ogong unseal';

const config = defineConfig({
  name: NAME,
  summary:
    "Opens one sealed reply by its client's disclosure, and compares it with the provider's signature.\n" +
    'Exits as ogong verify does: 0 if all checks pass, 1 if one fails, 2 if it cannot be read, 3 if one was skipped.',
  fields: {
    receipt: { schema: text, label: '<file|url>', description: 'receipt of the reply' },
    allow: { schema: text, label: '<checks>', description: 'checks that may be skipped' },
    json: jsonField,
  },
  positionals: { label: '<disclosure.json>', min: 1, max: 1 },
  examples: [
    'ogong unseal disclosure.json --receipt receipt.json',
    'ogong unseal disclosure.json --allow sealed-record',
  ],
});

export const unsealCommand: Command = {
  name: 'unseal',
  summary: 'open one sealed reply that its client discloses',
  async run(argv, output) {
    try {
      const parsed = config.parse(argv, process.env);
      if (parsed.kind === 'print') {
        output.write(parsed.text);
        return VERIFY_EXIT.ok;
      }
      const { values, positionals } = parsed;
      const disclosure = parseDisclosure(JSON.parse(readUserFile(positionals[0] as string).toString('utf8')));
      const file = values.receipt === undefined ? undefined : await readReceiptFile(values.receipt);
      const record = file && parseRecordV2(file.receipt.record.bytes);
      const { checks, text: opened } = verifyDisclosure({ crypto, seal }, disclosure, record);
      const skipped = listSkipped(checks, (values.allow ?? '').split(',').filter(Boolean));
      const verdict = { ok: isOk(checks) && skipped.missing.length === 0, checks, ...skipped };
      if (values.json) printJson(output, { ...verdict, text: opened });
      else output.write(`${opened === '' ? '' : `${toPrintable(opened)}\n`}${formatVerdict(verdict)}`);
      if (verdict.ok) return VERIFY_EXIT.ok;
      return checks.some(({ status }) => status === 'fail') ? VERIFY_EXIT.failed : VERIFY_EXIT.unchecked;
    } catch (error) {
      output.writeError(`${NAME}: ${describeFailure(error)}\n`);
      return VERIFY_EXIT.unusable;
    }
  },
};
