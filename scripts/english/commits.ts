import { execFileSync } from 'node:child_process';
import { checkFragment, type Finding } from './rules.ts';

/** Checks the subject of one commit. The path of a finding is the commit's short hash. */
export const checkSubject = (hash: string, subject: string): Finding[] =>
  checkFragment(`commit ${hash.slice(0, 12)}`, { kind: 'commit', line: 1, text: subject });

const git = (root: string, ...args: string[]): string =>
  execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], maxBuffer: 2 ** 26 });

/** Reads a file as a commit has it; undefined if the history or the commit lacks it. */
export function readAt(root: string, commit: string, path: string): string | undefined {
  try {
    return git(root, 'show', `${commit}:${path}`);
  } catch {
    return undefined;
  }
}

/** Subjects of the commits after `since`; undefined if the history lacks it. Merge commits have no subject of their own. */
export function readSubjects(root: string, since: string): { hash: string; subject: string }[] | undefined {
  try {
    git(root, 'merge-base', '--is-ancestor', since, 'HEAD');
    const lines = git(root, 'log', '--no-merges', '--format=%H %s', `${since}..HEAD`).split('\n');
    return lines
      .filter((line) => line !== '')
      .map((line) => ({ hash: line.slice(0, line.indexOf(' ')), subject: line.slice(line.indexOf(' ') + 1) }));
  } catch {
    // A shallow clone, an archive without history, or a rewritten branch.
    return undefined;
  }
}
