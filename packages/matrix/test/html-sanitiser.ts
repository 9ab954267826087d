/**
 * A sanitiser as homeserver-side tools and clients run it, set to the specification's list and to the nesting that clients
 * show. What we print must pass through it unchanged.
 * https://spec.matrix.org/v1.16/client-server-api/#mroommessage-msgtypes
 */
import sanitize from "sanitize-html";

const tags =
  "del h1 h2 h3 h4 h5 h6 blockquote p a ul ol sup sub li b i u strong em s code hr br div table thead tbody tr th td " +
  "caption pre span img details summary";

export const sanitised = (html: string): string =>
  sanitize(html, {
    allowedTags: tags.split(" "),
    allowedAttributes: {
      span: ["data-mx-bg-color", "data-mx-color", "data-mx-spoiler", "data-mx-maths"],
      a: ["target", "href"],
      img: ["width", "height", "alt", "title", "src"],
      ol: ["start"],
      code: ["class"],
      div: ["data-mx-maths"],
    },
    allowedClasses: { code: ["language-*"] },
    allowedSchemes: ["https", "http", "ftp", "mailto", "magnet"],
    allowProtocolRelative: false,
    selfClosing: ["img", "br", "hr"],
    nestingLimit: 50,
  });
