import { encodeEvidence } from '@ogong/attestation/evidence-file';
import { openAttester, teeFields } from '@ogong/host/attester/tee-config';
import { ConfigError } from '@ogong/host/config/config-error';
import { defineConfig } from '@ogong/host/config/define-config';
import { hex } from '@ogong/host/config/values';
import type { Command } from '@ogong/host/lifecycle/command';
import { EXIT } from '@ogong/host/log/errors';
import { fromHex, utf8Decode } from '@ogong/protocol/base/bytes';
import { REPORT_DATA_BYTES } from '@ogong/protocol/tier/attestation';
import { dataDirField } from '../provider/provider-config.ts';

export const quoteConfig = defineConfig({
  name: 'ogong-provider quote',
  examples: [
    'ogong-provider quote --tee dstack --tee-endorsements collateral.json',
    'ogong-provider quote --tee software',
  ],
  summary:
    'Has this machine say what it is, and prints the evidence as JSON: for ogong evidence, and to learn what a policy has to name.\n' +
    'The report holds the 64 bytes of --report-data, or zeros.',
  fields: {
    ...teeFields,
    reportData: { schema: hex(64), label: '<hex>', description: 'the 64 bytes that the report has to hold' },
    ...dataDirField,
  },
});

export const quoteCommand: Command = {
  name: 'quote',
  summary: 'have this machine say what it is',
  async run(argv, output) {
    const parsed = quoteConfig.parse(argv, process.env);
    if (parsed.kind === 'print') {
      output.write(parsed.text);
      return EXIT.ok;
    }
    const { reportData } = parsed.values;
    const attester = openAttester('ogong-provider quote', parsed.values);
    if (attester === undefined) throw new ConfigError('ogong-provider quote', ['say by --tee how evidence is made']);
    const data = reportData === undefined ? new Uint8Array(REPORT_DATA_BYTES) : fromHex(reportData);
    output.write(`${utf8Decode(encodeEvidence(await attester.attest(data)))}\n`);
    return EXIT.ok;
  },
};
