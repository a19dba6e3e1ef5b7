#!/usr/bin/env -S node --disable-warning=ExperimentalWarning
import { describeFailure, EXIT, getExitCode } from '@ogong/host/log/errors';
import { VERSION } from '@ogong/host/version';
import { askCommand } from '../ask-command.ts';
import { calibrateCommand } from '../calibrate/calibrate-command.ts';
import { type Command, processOutput } from '../command.ts';
import { earningsCommand } from '../earnings-command.ts';
import { meshCommand } from '../mesh-command.ts';
import { modelCommand } from '../model-command.ts';
import { reproduceCommand } from '../reproduce-command.ts';
import { signerCommand } from '../signer-command.ts';
import { verifyCommand } from '../verify-command.ts';

const commands: readonly Command[] = [
  meshCommand,
  askCommand,
  verifyCommand,
  reproduceCommand,
  modelCommand,
  earningsCommand,
  calibrateCommand,
  signerCommand,
];

const help = `ogong: answers that come with proof

Usage: ogong <command> [flags]

${commands.map(({ name, summary }) => `  ${name.padEnd(9)} ${summary}`).join('\n')}

ogong <command> --help says more. The daemons are programs of their own: ogong-provider, ogong-validatord,
ogong-verifierd, ogong-routerd, ogong-gatewayd.
`;

async function main([name = '', ...rest]: readonly string[]): Promise<number> {
  if (name === '' || name === '--help' || name === '-h' || name === 'help') {
    processOutput.write(help);
    return name === '' ? EXIT.usage : EXIT.ok;
  }
  if (name === '--version') {
    processOutput.write(`ogong ${VERSION}\n`);
    return EXIT.ok;
  }
  const command = commands.find((candidate) => candidate.name === name);
  if (command) return command.run(rest, processOutput);
  processOutput.writeError(
    `ogong: there is no command ${name}; there are ${commands.map((each) => each.name).join(', ')}\n`,
  );
  return EXIT.usage;
}

// The reader has closed the pipe, as `head` does.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(EXIT.ok);
});

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  processOutput.writeError(`ogong: ${describeFailure(error)}\n`);
  process.exitCode = getExitCode(error);
}
