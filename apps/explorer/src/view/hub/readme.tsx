import { type ComponentType, h } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { Card } from '../parts.tsx';

/** The reader of Markdown, which the pages about replies do not need. @throws Error with advice for a person. */
const loadMarkdown = () =>
  import('../../markdown/markdown.tsx').catch((cause: unknown) => {
    throw new Error('The code that shows a README could not be loaded. Connect again and reload this page.', { cause });
  });

/** A maker's README. Its markup stays text, and it loads nothing. */
export function Readme({ text, problem }: { text: string | undefined; problem: string | undefined }) {
  const [Markdown, setMarkdown] = useState<ComponentType<{ text: string }>>();
  const [fault, setFault] = useState(problem);
  useEffect(() => {
    if (text === undefined) return;
    loadMarkdown().then(
      (loaded) => setMarkdown(() => loaded.Markdown),
      (error: Error) => setFault(error.message),
    );
  }, [text]);
  if (text === undefined && fault === undefined) return null;
  return (
    <Card title="README" wide>
      {fault !== undefined && <p class="empty">{`It is not shown: ${fault}.`}</p>}
      {text !== undefined && Markdown !== undefined && h(Markdown, { text })}
    </Card>
  );
}
