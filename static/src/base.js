// The style sheet of every page; it is an entry of its own so that pages share one cached copy.
import './base.css';
