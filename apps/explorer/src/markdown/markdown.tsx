import { type ComponentChild, h } from 'preact';
import { useMemo } from 'preact/hooks';
import { CopyButton } from '../view/parts.tsx';
import { type MarkdownElement, type MarkdownNode, parseMarkdown } from './tree.ts';

/** An answer with its code blocks, lists and tables, made of elements and texts alone. */
export function Markdown({ text }: { text: string }) {
  const nodes = useMemo(() => parseMarkdown(text).map(toElement), [text]);
  return <div class="answer">{nodes}</div>;
}

function toElement(node: MarkdownNode): ComponentChild {
  if (typeof node === 'string') return node;
  if (node.tag === 'pre') return <CodeBlock node={node} />;
  const made = h(node.tag, node.attributes, node.children.map(toElement));
  return node.tag === 'table' ? (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling element has to be reachable by keyboard
    <section class="wide-table" tabIndex={0} aria-label="Table">
      {made}
    </section>
  ) : (
    made
  );
}

const textOf = ({ children }: MarkdownElement): string =>
  children.map((child) => (typeof child === 'string' ? child : textOf(child))).join('');

function CodeBlock({ node }: { node: MarkdownElement }) {
  const text = textOf(node);
  return (
    <div class="code">
      <div class="code-bar">
        <span>{node.attributes['data-language']}</span>
        <CopyButton text={text} label="Copy the code" />
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling element has to be reachable by keyboard */}
      <pre tabIndex={0}>
        <code>{text}</code>
      </pre>
    </div>
  );
}
