// A daemon for the tests: serves, throws or rejects, as its argument says.
import { runDaemon } from './run-daemon.ts';

await runDaemon(
  async () => {
    const alive = setInterval(() => {}, 1000);
    const bug = () => {
      throw new Error('a bug');
    };
    if (process.argv[2] === 'throw') setTimeout(bug, 1);
    if (process.argv[2] === 'reject') setTimeout(async () => bug(), 1);
    return {
      async stop() {
        clearInterval(alive);
        process.stderr.write('stopped\n');
      },
    };
  },
  { name: 'testd' },
);
