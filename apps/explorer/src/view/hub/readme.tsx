import { Card } from '../parts.tsx';
import { useLoaded } from '../use-loaded.ts';

/** The reader of Markdown, which other pages do not need. @throws Error with advice for a person. */
const loadMarkdown = () =>
  import('../../markdown/markdown.tsx').catch((cause: unknown) => {
    throw new Error('The code that shows a README could not be loaded. Connect again and reload this page.', { cause });
  });

/** A maker's README. Its markup stays text, and it loads nothing. */
export function Readme({ text, problem }: { text: string | undefined; problem: string | undefined }) {
  const { code, problem: fault = problem } = useLoaded(loadMarkdown);
  if (text === undefined && problem === undefined) return null;
  return (
    <Card title="README" wide>
      {fault !== undefined && <p class="empty">{`It is not shown: ${fault}.`}</p>}
      {text !== undefined && code && <code.Markdown text={text} />}
    </Card>
  );
}
