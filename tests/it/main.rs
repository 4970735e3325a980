//! The whole program, from outside; and the rules of the house.

mod architecture;
mod check;
mod cli;
mod demo;
mod http;
mod serve;
mod sync;
mod talk;
