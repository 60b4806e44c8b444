'use strict';
const data = JSON.parse(document.getElementById('data').textContent);
const byId = (id) => document.getElementById(id);
const [slider, box, play] = ['at', 'phases', 'play'].map(byId);
let shown = [], at = 0, timer = 0;

function html(moment) {
  return moment.h.map((number) => data.parts[number]).join('');
}

function pieces() {
  return [...document.querySelectorAll('b[data-words]')];
}

// The moments that the slider goes over: steps alone, or with their phases before them.
function choose() {
  const here = shown.length ? shown[at] : data.moments[data.moments.length - 1];
  shown = data.moments.filter((moment) => box.checked || !moment.p);
  at = shown.findIndex((moment) => moment === here || (moment.n === here.n && !moment.p));
  slider.max = shown.length - 1;
  go(at);
}

function go(to) {
  at = Math.max(0, Math.min(shown.length - 1, to));
  const moment = shown[at];
  const held = pieces().indexOf(document.activeElement);
  byId('moment').innerHTML = html(moment);
  for (const piece of pieces()) piece.tabIndex = 0;
  byId('words').textContent = '';
  // Whoever stands on a piece stays on it, to see what becomes of it.
  if (held >= 0) pieces()[Math.min(held, pieces().length - 1)].focus();
  slider.value = at;
  byId('where').textContent = `${at + 1} of ${shown.length}`;
  slider.setAttribute('aria-valuetext', moment.t);
  const clauses = [...document.querySelectorAll('#came li')].map((clause) => clause.textContent);
  byId('said').textContent = [moment.t, ...clauses].join('; ');
  if (at === shown.length - 1) stop();
}

function stop() {
  clearInterval(timer);
  timer = 0;
  play.textContent = 'play';
}

function toggle() {
  if (timer) return stop();
  if (at === shown.length - 1) go(0);
  timer = setInterval(() => go(at + 1), 1500);
  play.textContent = 'stop';
}

function say(event) {
  const piece = event.target.closest('b[data-words]');
  if (!piece) return;
  piece.title = data.words[piece.dataset.words];
  byId('words').textContent = piece.title;
}

byId('back').onclick = () => go(at - 1);
byId('next').onclick = () => go(at + 1);
play.onclick = toggle;
box.onchange = choose;
slider.oninput = () => go(Number(slider.value));
document.addEventListener('mouseover', say);
document.addEventListener('focusin', say);
document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.target === slider) return;
  const moves = {ArrowLeft: -1, '[': -1, ArrowRight: 1, ']': 1};
  if (event.key in moves) go(at + moves[event.key]);
  else if (event.key === 'Home') go(0);
  else if (event.key === 'End') go(shown.length - 1);
  else if (event.key === ' ' && !event.target.closest('button,input')) toggle();
  else return;
  event.preventDefault();
});
// On paper stand all steps, one below the other.
window.addEventListener('beforeprint', () => {
  byId('moment').className = 'printing';
  byId('all').innerHTML = data.moments.filter((moment) => !moment.p)
    .map((moment) => '<section>' + html(moment) + '</section>').join('');
});
window.addEventListener('afterprint', () => {
  byId('moment').className = '';
  byId('all').innerHTML = '';
});
document.querySelector('nav').hidden = false;
choose();
