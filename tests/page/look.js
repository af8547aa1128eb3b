// What is wrong with a page: run in it by the test, gives a list of complaints.
(() => {
  const wrong = [];
  const say = (what, element) => wrong.push(what + ': ' + (element ? element.outerHTML.slice(0, 120) : ''));
  const all = (selector) => [...document.querySelectorAll(selector)];
  // Landmarks, headings, captions, names.
  for (const one of ['header', 'main', 'footer', 'h1']) {
    if (all(one).length !== 1) say('not one ' + one);
  }
  let level = 1;
  for (const head of all('h1, h2, h3')) {
    const own = Number(head.tagName[1]);
    if (own > level + 1) say('a heading skips a level', head);
    level = own;
  }
  for (const table of all('table')) if (!table.caption || !table.caption.textContent.trim()) say('no caption', table);
  for (const cell of all('thead th')) if (!cell.scope) say('no scope', cell);
  for (const picture of all('svg:not([aria-hidden])')) {
    if (picture.getAttribute('role') !== 'img' || !picture.getAttribute('aria-label')) say('no name', picture);
  }
  for (const control of all('input:not([type=hidden]), select')) if (!control.labels.length) say('no label', control);
  for (const link of all('a, button')) if (!link.textContent.trim()) say('no words', link);
  const ids = all('[id]').map((element) => element.id);
  if (new Set(ids).size !== ids.length) say('an id is there twice');
  const here = all('header [aria-current]').length;
  if (here !== 1) say(here + ' places in the navigation are this one');
  // Nothing is wider than the window but what scrolls by itself.
  const wide = document.documentElement.scrollWidth - window.innerWidth;
  if (wide > 0) {
    const beyond = all('main *').filter((e) => e.getBoundingClientRect().right > window.innerWidth + 1 && !e.closest('.scroll'));
    say('wider than the window by ' + wide, beyond[0]);
  }
  // Contrast of every text with what is behind it: WCAG 2.2, 1.4.3.
  const channels = (colour) => (colour.match(/[\d.]+/g) || []).map(Number);
  const light = (colour) => {
    const [r, g, b] = colour.map((value) => value / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = channels(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] > 0.99) return colour.slice(0, 3);
    }
    return [255, 255, 255];
  };
  const seen = new Set();
  for (const element of all('body *')) {
    const hasText = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    const style = getComputedStyle(element);
    if (!hasText || element.closest('svg') || style.visibility === 'hidden') continue;
    const [front, back] = [channels(style.color).slice(0, 3), behind(element)];
    const key = front + '/' + back;
    if (seen.has(key)) continue;
    seen.add(key);
    const [a, b] = [light(front), light(back)].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) say('contrast ' + ratio.toFixed(2), element);
  }
  return wrong;
})()
