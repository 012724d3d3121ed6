//! Why there is a session: which BGPPeer, in which direction, and what it selected nodes by.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use crate::calico::{BgpPeer, Expression, Labels, PeerNodes, PeerRemote, Selector};

/// Whether a BGPPeer says the session of the node itself, or that of the node at its other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The node is one of those that the BGPPeer is for.
    Forward,
    /// The node is one of the peers; its side follows from the other's.
    Reverse,
}

/// Where a session comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provenance {
    /// The BGPPeer, or the mesh.
    pub source: Source,
    /// Its direction. The mesh and sessions of an external reflector have
    /// [`Direction::Forward`] and [`Direction::Reverse`].
    pub direction: Direction,
    /// What made this side a part of it.
    pub ours: Selection,
    /// What made the peer a part of it.
    pub theirs: Selection,
    /// The Calico node that has the peer's address.
    pub node: Option<Arc<str>>,
}

/// What says that there is a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The node-to-node mesh.
    Mesh,
    /// The BGPPeer of this name.
    BgpPeer(Arc<str>),
}

/// What one side of a session was selected by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// Neither `node` nor `nodeSelector`: every node is meant.
    Everybody,
    /// `node`.
    Name,
    /// `peerIP`.
    Address(IpAddr),
    /// `nodeSelector` or `peerSelector`.
    Selector {
        /// Its text, in the canonical form.
        text: Arc<str>,
        /// Those of the node's labels that it asks for.
        labels: Labels,
    },
}

impl Selection {
    /// What the near side of a BGPPeer was selected by; `labels` are the node's.
    pub(super) fn near(peer: &BgpPeer, text: &mut Texts, labels: &Labels) -> Self {
        match &peer.nodes {
            PeerNodes::All => Self::Everybody,
            PeerNodes::Named(_) => Self::Name,
            PeerNodes::Matching(selector) => Self::selector(selector, text, labels),
        }
    }

    /// What its far side was selected by.
    pub(super) fn far(peer: &BgpPeer, text: &mut Texts, labels: &Labels) -> Self {
        match &peer.remote {
            PeerRemote::Address { ip, .. } => Self::Address(*ip),
            PeerRemote::Nodes(selector) => Self::selector(selector, text, labels),
            PeerRemote::Nobody | PeerRemote::Workloads { .. } => Self::Everybody,
        }
    }

    fn selector(selector: &Selector, texts: &mut Texts, labels: &Labels) -> Self {
        let (text, keys) = texts.of(selector);
        let asked = labels.0.iter().filter(|label| keys.iter().any(|key| **key == *label.key));
        Self::Selector { text: text.clone(), labels: Labels(asked.cloned().collect()) }
    }
}

impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everybody => f.write_str("every node"),
            Self::Name => f.write_str("its name"),
            Self::Address(ip) => write!(f, "peerIP {ip}"),
            Self::Selector { text, labels } => {
                write!(f, "{text}")?;
                for (index, (key, value)) in labels.iter().enumerate() {
                    write!(f, "{}{key}={value}", if index == 0 { " with " } else { ", " })?;
                }
                Ok(())
            }
        }
    }
}

impl fmt::Display for Provenance {
    /// One line, such as `BGPPeer workers (reverse): w1 by has(worker) with worker=yes`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Source::BgpPeer(name) = &self.source else {
            let node = self.node.as_deref().unwrap_or("?");
            return write!(f, "node-to-node mesh: {node}");
        };
        let direction = match self.direction {
            Direction::Forward => "forward",
            Direction::Reverse => "reverse",
        };
        write!(f, "BGPPeer {name} ({direction}): ")?;
        match &self.node {
            Some(node) => write!(f, "{node}")?,
            None => f.write_str("no node")?,
        }
        write!(f, " by {}; we by {}", self.theirs, self.ours)
    }
}

/// Texts of selectors and the labels they ask for, each made once.
#[derive(Debug, Default)]
pub(super) struct Texts(HashMap<Selector, Text>);

/// The text of a selector, and the labels.
type Text = (Arc<str>, Box<[Box<str>]>);

impl Texts {
    fn of(&mut self, selector: &Selector) -> &Text {
        if !self.0.contains_key(selector) {
            let mut keys = Vec::new();
            collect_keys(selector.expression(), &mut keys);
            self.0.insert(selector.clone(), (selector.to_string().into(), keys.into()));
        }
        &self.0[selector]
    }
}

/// The labels that an expression asks for.
fn collect_keys(expression: &Expression, keys: &mut Vec<Box<str>>) {
    match expression {
        Expression::All | Expression::Global => {}
        Expression::Has(key)
        | Expression::Equal(key, _)
        | Expression::NotEqual(key, _)
        | Expression::Contains(key, _)
        | Expression::StartsWith(key, _)
        | Expression::EndsWith(key, _)
        | Expression::In(key, _)
        | Expression::NotIn(key, _) => keys.push(key.clone()),
        Expression::Not(operand) => collect_keys(operand, keys),
        Expression::And(operands) | Expression::Or(operands) => {
            operands.iter().for_each(|operand| collect_keys(operand, keys));
        }
    }
}
