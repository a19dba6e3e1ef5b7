import { verifyEvidence } from '@ogong/attestation/evidence';
import { parseEvidence } from '@ogong/attestation/evidence-file';
import { STRICT_POLICY } from '@ogong/attestation/policy-file';
import { ConfigError } from '@ogong/host/config/config-error';
import { defineConfig } from '@ogong/host/config/define-config';
import { text } from '@ogong/host/config/values';
import type { Command } from '@ogong/host/lifecycle/command';
import { jsonField, printJson } from '@ogong/host/lifecycle/print-json';
import { describeFailure, explainFile } from '@ogong/host/log/errors';
import { fromHex } from '@ogong/protocol/base/bytes';
import { isOk, listSkipped } from '@ogong/protocol/base/checks';
import { formatVerdict } from './print-checks.ts';
import { toPlainBytes } from './receipt-file.ts';
import { readUserFile } from './user-files.ts';
import { VERIFY_EXIT } from './verify-command.ts';

const config = defineConfig({
  name: 'ogong evidence',
  summary:
    "Checks a machine's evidence: a quote of Intel, a report of AMD or NVIDIA, against their vendors' roots.\n" +
    'Exits as ogong verify does: 0 if all checks pass, 1 if one fails, 2 if it cannot be read, 3 if one was skipped.',
  fields: {
    collateral: {
      schema: text,
      label: '<path>',
      description: "statements of Intel's service about the platform, JSON",
    },
    'report-data': { schema: text, label: '<hex>', description: 'the 64 bytes that the machine had to sign' },
    'gpu-nonce': { schema: text, label: '<hex>', description: 'the nonce of its GPU, 32 bytes' },
    images: { schema: text, label: '<hex,...>', description: 'images that may run' },
    boots: { schema: text, label: '<hex,...>', description: 'TDX guests that may boot' },
    tcb: {
      schema: text,
      label: '<words>',
      description: "accepted states of Intel's, separated by commas (default: UpToDate)",
    },
    'minimum-snp': {
      schema: text,
      label: '<n,n,n,n[,n]>',
      description: "least versions of AMD's boot loader, TEE, SNP, microcode and FMC (default: 0,0,0,0,0)",
    },
    software: { schema: text, label: '<hex,...>', description: 'keys of software attesters, which prove no hardware' },
    at: { schema: text, label: '<time>', description: 'check it as of this time (default: now)' },
    allow: { schema: text, label: '<checks>', description: 'checks that may be skipped' },
    json: jsonField,
  },
  positionals: { label: '<evidence.json>', min: 1, max: 1 },
  examples: [
    'ogong evidence quote.json --collateral collateral.json --report-data <hex> --images <hex> --boots <hex>',
    'ogong evidence report.json --allow report-data,image',
  ],
});

const listOf = (value: string | undefined): string[] => (value === undefined ? [] : value.split(',').filter(Boolean));

function readHex(flag: string, value: string, size: number): Uint8Array {
  const digits = value.replace(/^0x/, '').toLowerCase();
  if (!/^[0-9a-f]*$/.test(digits) || digits.length !== 2 * size)
    throw new ConfigError('ogong evidence', [`--${flag}: ${size} bytes in hex are expected`]);
  return fromHex(digits, size);
}

function readMinimum(value = '0,0,0,0') {
  const numbers = value.split(',').map(Number);
  if (
    numbers.length < 4 ||
    numbers.length > 5 ||
    numbers.some((number) => !Number.isInteger(number) || number < 0 || number > 255)
  )
    throw new ConfigError('ogong evidence', ['--minimum-snp: four or five numbers from 0 to 255 are expected']);
  const [bootLoader = 0, tee = 0, snp = 0, microcode = 0, fmc = 0] = numbers;
  return { fmc, bootLoader, tee, snp, microcode };
}

function readTime(value: string | undefined): number {
  const time = value === undefined ? Date.now() : Date.parse(value);
  if (Number.isNaN(time))
    throw new ConfigError('ogong evidence', ['--at: a time such as 2026-11-25T12:00Z is expected']);
  return time;
}

function readJson(flag: string, path: string): unknown {
  try {
    return JSON.parse(readUserFile(path).toString('utf8'));
  } catch (error) {
    throw new ConfigError('ogong evidence', [`--${flag} ${path}: ${explainFile(error)}`]);
  }
}

export const evidenceCommand: Command = {
  name: 'evidence',
  summary: "check a machine's evidence",
  async run(argv, output) {
    try {
      const parsed = config.parse(argv, process.env);
      if (parsed.kind === 'print') {
        output.write(parsed.text);
        return VERIFY_EXIT.ok;
      }
      const { values, positionals } = parsed;
      const { collateral, images, boots, tcb, software } = values;
      const [reportData, gpuNonce] = [values['report-data'], values['gpu-nonce']];
      const policy = {
        ...STRICT_POLICY,
        ...(tcb === undefined ? {} : { acceptedTcb: listOf(tcb) }),
        ...(reportData === undefined ? {} : { reportData: readHex('report-data', reportData, 64) }),
        ...(gpuNonce === undefined ? {} : { gpuNonce: readHex('gpu-nonce', gpuNonce, 32) }),
        ...(images === undefined
          ? {}
          : { images: listOf(images).map((image) => image.replace(/^0x/, '').toLowerCase()) }),
        ...(boots === undefined ? {} : { boots: listOf(boots).map((boot) => boot.replace(/^0x/, '').toLowerCase()) }),
        minimumSnpTcb: readMinimum(values['minimum-snp']),
        softwareKeys: listOf(software).map((key) => key.replace(/^0x/, '').toLowerCase()),
      };
      const nowMs = readTime(values.at);
      const words = collateral === undefined ? undefined : readJson('collateral', collateral);
      const evidence = parseEvidence(toPlainBytes(readUserFile(positionals[0] as string)), words);
      const checks = await verifyEvidence(evidence, policy, nowMs);
      const skipped = listSkipped(checks, listOf(values.allow));
      const verdict = { ok: isOk(checks) && skipped.missing.length === 0, checks, ...skipped };
      if (values.json) printJson(output, verdict);
      else output.write(formatVerdict(verdict));
      if (verdict.ok) return VERIFY_EXIT.ok;
      if (checks.some(({ id, status }) => id === 'evidence-form' && status === 'fail')) return VERIFY_EXIT.unusable;
      return checks.some(({ status }) => status === 'fail') ? VERIFY_EXIT.failed : VERIFY_EXIT.unchecked;
    } catch (error) {
      output.writeError(`ogong evidence: ${describeFailure(error)}\n`);
      return VERIFY_EXIT.unusable;
    }
  },
};
