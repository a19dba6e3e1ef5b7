import type { Command } from '@ogong/host/lifecycle/command';
import { runDaemon } from '@ogong/host/lifecycle/run-daemon';
import { EXIT } from '@ogong/host/log/errors';
import { runSigner, SIGNER_NAME } from '@ogong/validator/signer/run-signer';

export const signerCommand: Command = {
  name: 'signer',
  summary: "holds a validator's signing key in a process of its own",
  async run(argv, output) {
    const started = await runSigner(argv, process.env);
    if ('text' in started) {
      output.write(started.text);
      return EXIT.ok;
    }
    await runDaemon(async () => started, { name: SIGNER_NAME });
    // The daemon ends this process itself, after a signal.
    return new Promise<never>(() => {});
  },
};
