//! Thresholds by name: the configuration reads, writes and explains what is declared, and nothing is
//! said twice.

/// A field of the thresholds.
#[derive(Debug)]
pub struct Field<'a> {
    /// Its name in the code; `_ns` at its end says that it is a duration in nanoseconds.
    pub name: &'static str,
    /// Its documentation, in Markdown, on one line.
    pub doc: &'static str,
    /// What is in it.
    pub value: Value<'a>,
}

/// What is in a field.
#[derive(Debug)]
pub enum Value<'a> {
    /// Nanoseconds or a count: the name says which.
    U64(&'a mut u64),
    /// A count.
    U32(&'a mut u32),
    /// A small count.
    U8(&'a mut u8),
    /// A share of something.
    Share(&'a mut f64),
    /// Fields that belong together.
    Group(Vec<Field<'a>>),
}

impl<'a> From<&'a mut u64> for Value<'a> {
    fn from(value: &'a mut u64) -> Self {
        Self::U64(value)
    }
}

impl<'a> From<&'a mut u32> for Value<'a> {
    fn from(value: &'a mut u32) -> Self {
        Self::U32(value)
    }
}

impl<'a> From<&'a mut u8> for Value<'a> {
    fn from(value: &'a mut u8) -> Self {
        Self::U8(value)
    }
}

impl<'a> From<&'a mut f64> for Value<'a> {
    fn from(value: &'a mut f64) -> Self {
        Self::Share(value)
    }
}

/// Declares a structure as it stands, and gives it `fields()`.
macro_rules! documented {
    ($(#[$meta:meta])* pub struct $name:ident {
        $($(#[doc = $doc:expr])+ pub $field:ident: $type:ty,)+
    }) => {
        $(#[$meta])*
        pub struct $name {
            $($(#[doc = $doc])+ pub $field: $type,)+
        }

        impl $name {
            /// The fields by name, to be read or changed, in the order of their declaration.
            pub fn fields(&mut self) -> Vec<$crate::core::verdict::fields::Field<'_>> {
                vec![$($crate::core::verdict::fields::Field {
                    name: stringify!($field),
                    doc: concat!($($doc),+).trim_ascii(),
                    value: (&mut self.$field).into(),
                }),+]
            }
        }

        impl<'a> From<&'a mut $name> for $crate::core::verdict::fields::Value<'a> {
            fn from(group: &'a mut $name) -> Self {
                Self::Group(group.fields())
            }
        }
    };
}
pub(super) use documented;
